"""Everything that can go wrong on a request's way, named by what is safe to do next.

`edge` renders these in the dialect of the endpoint; nobody else writes an error body.
"""

from typing import ClassVar, Final

LONG: Final = 60
"""SDKs sleep through any wait, or hammer: a longer one (s) comes with `x-should-retry: false`."""


class ProxyError(Exception):
    """The root. `status` and `kind` are what the client sees; the message is shown to it too.

    `retry_after` (seconds) becomes the header of that name; `should_retry` becomes
    `x-should-retry` where it is not None, and is always False for a long wait; `close` ends the
    client's connection after the answer.
    """

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "api_error"
    outcome: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        long = retry_after is not None and retry_after > LONG
        self.should_retry = False if long else should_retry
        self.close = close


class BadRequestError(ProxyError):
    """The client's request is malformed. It is the client's fault and blames no account."""

    status, kind, outcome = 400, "invalid_request_error", "bad_request"


class UnauthorizedError(ProxyError):
    """The client's own key is missing, unknown, or given twice."""

    status, kind, outcome = 401, "authentication_error", "unauthorized"


class ForbiddenModelError(ProxyError):
    """The client's key does not cover the model it asks for."""

    status, kind, outcome = 404, "not_found_error", "forbidden_model"


class NotFoundError(ProxyError):
    """No such route."""

    status, kind, outcome = 404, "not_found_error", "not_found"


class MethodNotAllowedError(ProxyError):
    """The route exists, the method does not."""

    status, kind, outcome = 405, "invalid_request_error", "method_not_allowed"


class RequestTimeoutError(ProxyError):
    """The client was too slow in sending its request."""

    status, kind, outcome = 408, "timeout_error", "request_timeout"


class TooLargeError(ProxyError):
    """The body is over the limit."""

    status, kind, outcome = 413, "request_too_large", "too_large"


class UnsupportedCodingError(ProxyError):
    """The body is compressed; it would have to be opened to be routed."""

    status, kind, outcome = 415, "invalid_request_error", "unsupported_coding"


class ClientLimitError(ProxyError):
    """The client is over its own limits; `retry_after` says when it will not be."""

    status, kind, outcome = 429, "rate_limit_error", "client_limit"


class AllLimitedError(ProxyError):
    """Every account that could serve this rests; `retry_after` reaches to the soonest reset."""

    status, kind, outcome = 429, "rate_limit_error", "all_limited"


class QueueFullError(ProxyError):
    """Too many are waiting already, or this one has waited as long as it may."""

    status, kind, outcome = 529, "overloaded_error", "queue_full"


class NoWorkerError(ProxyError):
    """No worker is healthy enough to try, or we are about to stop."""

    status, kind, outcome = 503, "api_error", "no_worker"


class UnreachableError(ProxyError):
    """A worker could not be reached. It received nothing: safe to try another."""

    status, kind, outcome = 502, "api_error", "unreachable"


class WorkerBrokeError(ProxyError):
    """A worker received the request and gave no usable answer: it must not be sent again."""

    status, kind, outcome = 502, "api_error", "worker_broke"


class StageTimeoutError(ProxyError):
    """A stage of the exchange with the worker passed its deadline; the message names it."""

    status, kind, outcome = 504, "timeout_error", "timeout"


class TruncatedError(ProxyError):
    """The worker's answer ended before its end. Bytes may be out: tell, then cut."""

    status, kind, outcome = 502, "api_error", "truncated"

"""What can go wrong before an engine runs, and the root of what can go wrong in one.

`worker.api.answers` renders these; nobody else writes an error body.
"""


class WorkerError(Exception):
    """The root. `status`, `kind` (the API's error type) and `code` are what the caller sees."""

    status: int = 500
    kind: str = "api_error"
    code: str | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequestError(WorkerError):
    """The request is malformed or asks for what a worker never does."""

    status, kind = 400, "invalid_request_error"


class UnknownResponseError(BadRequestError):
    """The response to go on from is not kept here, or is another client's."""

    code = "previous_response_not_found"


class UnauthorizedError(WorkerError):
    """The worker token is missing or wrong."""

    status, kind = 401, "authentication_error"


class NotFoundError(WorkerError):
    """No such route or model."""

    status, kind = 404, "not_found_error"


class UnknownModelError(NotFoundError):
    """No model is meant by that name."""

    code = "model_not_found"


class MethodNotAllowedError(WorkerError):
    """The route exists, the method does not."""

    status, kind = 405, "invalid_request_error"


class RequestTimeoutError(WorkerError):
    """The body did not arrive in time."""

    status, kind = 408, "timeout_error"


class TooLargeError(WorkerError):
    """The body is over the limit."""

    status, kind = 413, "request_too_large"


class UnsupportedCodingError(WorkerError):
    """The body is compressed."""

    status, kind = 415, "invalid_request_error"


class UnavailableError(WorkerError):
    """The worker drains or is full: no turn was begun, another worker may serve this."""

    status = 503


class ClientGoneError(WorkerError):
    """The client left, or takes nothing any more; the status is for the access line."""

    status = 499

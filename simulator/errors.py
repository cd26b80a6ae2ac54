"""What the simulated provider refuses, in the envelope of the Messages API."""

from collections.abc import Mapping

import msgspec


class ApiError(Exception):
    """An answer that is not a success. `code` becomes `error.details.error_code`."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.code = code
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> bytes:
        error: dict[str, object] = {"type": self.kind, "message": self.message}
        if self.code is not None:
            error["details"] = {"error_code": self.code}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})


def bad_request(message: str) -> ApiError:
    return ApiError(400, "invalid_request_error", message)

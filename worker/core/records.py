"""The records that the CLI writes to stdout, one JSON object a line, as far as we read them."""

from collections.abc import Mapping, Sequence

import msgspec


class StreamEvent(msgspec.Struct, tag="stream_event"):
    """One event of the Messages API stream, as the provider sent it."""

    event: msgspec.Raw
    parent_tool_use_id: str | None = None


class Assistant(msgspec.Struct, tag="assistant"):
    """A finished block, or with `error` the CLI's own text about a failure."""

    error: str | None = None
    parent_tool_use_id: str | None = None


class _Said(msgspec.Struct, frozen=True):
    content: str | Sequence[dict[str, object]] = ""


class Ran(msgspec.Struct, tag="user"):
    """What the CLI's own tools gave back to the model."""

    message: _Said = _Said()
    parent_tool_use_id: str | None = None

    def blocks(self) -> Sequence[dict[str, object]]:
        """The results, one a block."""
        return () if isinstance(self.message.content, str) else self.message.content


class WindowInfo(msgspec.Struct, rename="camel"):
    """One rate-limit window."""

    utilization: float = 0.0
    resets_at: float | None = None
    status: str = "allowed"


class LimitInfo(msgspec.Struct, rename="camel"):
    """What the CLI knows of an OAuth login's limits."""

    status: str = "allowed"
    resets_at: float | None = None
    rate_limit_type: str | None = None
    unified_windows: Mapping[str, WindowInfo] = {}


class RateLimit(msgspec.Struct, tag="rate_limit_event"):
    """Comes with a login's first turn, on a change, and before a turn that a limit ends."""

    rate_limit_info: LimitInfo


class ModelUsage(msgspec.Struct, rename="camel"):
    """The tokens that one model used."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


class Result(msgspec.Struct, tag="result"):
    """The end of a turn. `num_turns` is 0 where nothing was asked of the provider."""

    is_error: bool = False
    num_turns: int = 0
    result: str | None = None
    terminal_reason: str | None = None
    api_error_status: int | None = None
    api_error_type: str | None = None
    api_error: str | None = None
    model_usage_since_last_result: Mapping[str, ModelUsage] = {}
    api_error_code: str | None = None

    @property
    def error_code(self) -> str | None:
        """The provider's own code of the error; a keyed login names it elsewhere."""
        return self.api_error or self.api_error_code


class System(msgspec.Struct, tag="system"):
    """Notices. `api_retry` says that the provider refused and when the CLI would try again.

    `init` names the tools of the turn to come, by the CLI's names.
    """

    subtype: str = ""
    tools: Sequence[str] = ()
    attempt: int = 0
    error_status: int | None = None
    retry_delay_ms: float = 0.0


class Question(msgspec.Struct):
    """What the CLI asks of us: a hook's decision, or a message for our tool server."""

    subtype: str
    message: msgspec.Raw = msgspec.Raw(b"{}")


class ControlRequest(msgspec.Struct, tag="control_request"):
    """The CLI waits for our `control_response` of the same id."""

    request_id: str
    request: Question


class Reply(msgspec.Struct):
    """The answer to a control request of ours; `subtype` is success or error."""

    subtype: str
    request_id: str
    error: str = ""
    response: msgspec.Raw = msgspec.Raw(b"{}")


class ControlResponse(msgspec.Struct, tag="control_response"):
    """Answers a control request of ours."""

    response: Reply


Record = (
    StreamEvent | Assistant | Ran | RateLimit | Result | System | ControlRequest | ControlResponse
)


class _Tag(msgspec.Struct):
    type: str


_records = msgspec.json.Decoder(Record)
_tags = msgspec.json.Decoder(_Tag)


def decode_record(line: bytes) -> Record | None:
    """Read one line, or None for what is no JSON or of no type we read.

    A result that we cannot read still ends its turn: it counts as a failed one.
    """
    try:
        record: Record = _records.decode(line)
    except msgspec.ValidationError:
        return Result(is_error=True) if _tag_of(line) == "result" else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return record


def _tag_of(line: bytes) -> str:
    try:
        return _tags.decode(line).type
    except msgspec.ValidationError:
        return ""

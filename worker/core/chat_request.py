"""A chat completions request as far as it is read. What is not named here is ignored."""

from collections.abc import Sequence

import msgspec

from worker.core.translation import Function
from worker.errors import BadRequestError


class TextPart(msgspec.Struct, tag="text"):
    text: str


class RefusalPart(msgspec.Struct, tag="refusal"):
    refusal: str


class ImageUrl(msgspec.Struct):
    url: str


class ImagePart(msgspec.Struct, tag="image_url"):
    image_url: ImageUrl


class File(msgspec.Struct):
    file_data: str
    filename: str | None = None


class FilePart(msgspec.Struct, tag="file"):
    file: File


Part = TextPart | RefusalPart | ImagePart | FilePart
Content = str | Sequence[Part] | None
Text = str | Sequence[TextPart] | None


class CalledFunction(msgspec.Struct):
    name: str
    arguments: str = ""


class ToolCall(msgspec.Struct):
    id: str
    function: CalledFunction


class SystemMessage(msgspec.Struct, tag_field="role", tag="system"):
    content: Text = None


class DeveloperMessage(msgspec.Struct, tag_field="role", tag="developer"):
    content: Text = None


class UserMessage(msgspec.Struct, tag_field="role", tag="user"):
    content: Content = None


class AssistantMessage(msgspec.Struct, tag_field="role", tag="assistant"):
    content: Content = None
    tool_calls: list[ToolCall] | None = None


class ToolMessage(msgspec.Struct, tag_field="role", tag="tool"):
    tool_call_id: str
    content: Content = None


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage


class Tool(msgspec.Struct, tag="function"):
    function: Function


class Schema(msgspec.Struct):
    schema: dict[str, object] | None = None


class ResponseFormat(msgspec.Struct):
    type: str
    json_schema: Schema | None = None


class StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class ChatRequest(msgspec.Struct):
    """The request; `None` is what the SDKs send for what is not set.

    `thinking` is the Messages API's own: it tells more exactly than `reasoning_effort` how to
    reason, and wins over it.
    """

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: str | list[str] | None = None
    tools: list[Tool] | None = None
    tool_choice: str | Tool | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    thinking: dict[str, object] | None = None
    reasoning_effort: str | None = None
    modalities: list[str] | None = None
    n: int | None = None
    logprobs: bool | None = None
    functions: list[object] | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with a chunk about its usage."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def wants_json(self) -> bool:
        """Whether the answer's content has to be one JSON object, of whatever form."""
        return self.response_format is not None and self.response_format.type == "json_object"


_decoder = msgspec.json.Decoder(ChatRequest)


def decode_chat(raw: bytes) -> ChatRequest:
    """Read a request; raises `BadRequestError` with the place that is wrong."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise BadRequestError(str(exc)) from exc

"""A responses request as far as it is read. What is not named here is ignored."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from worker.errors import BadRequestError


class InputText(msgspec.Struct, tag="input_text"):
    text: str


class OutputText(msgspec.Struct, tag="output_text"):
    text: str


class Refusal(msgspec.Struct, tag="refusal"):
    refusal: str


class InputImage(msgspec.Struct, tag="input_image"):
    image_url: str | None = None


class InputFile(msgspec.Struct, tag="input_file"):
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


Part = InputText | OutputText | Refusal | InputImage | InputFile
Content = str | Sequence[Part]


class Message(msgspec.Struct):
    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class FunctionCall(msgspec.Struct):
    call_id: str
    name: str
    arguments: str = ""


class FunctionCallOutput(msgspec.Struct):
    call_id: str
    output: Content = ""


class Reasoning(msgspec.Struct):
    """`encrypted_content` is what an earlier answer gave."""

    encrypted_content: str | None = None


Item = Message | FunctionCall | FunctionCallOutput | Reasoning
_ITEMS: Final[dict[str, type[Item]]] = {
    "message": Message,
    "function_call": FunctionCall,
    "function_call_output": FunctionCallOutput,
    "reasoning": Reasoning,
}


class Tool(msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


class ToolChoice(msgspec.Struct):
    type: str
    name: str = ""


class ReasoningOptions(msgspec.Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class Format(msgspec.Struct):
    type: str
    schema: dict[str, object] | None = None


class TextOptions(msgspec.Struct):
    format: Format | None = None


class ResponsesRequest(msgspec.Struct):
    """The request; `None` is what is not set.

    `thinking` is the Messages API's own: it tells more exactly than `reasoning` how to reason.
    """

    model: str
    input: str | list[msgspec.Raw] = ""
    instructions: str | None = None
    previous_response_id: str | None = None
    stream: bool | None = None
    store: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    tools: list[Tool] | None = None
    tool_choice: str | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningOptions | None = None
    text: TextOptions | None = None
    include: list[str] | None = None
    thinking: dict[str, object] | None = None
    background: bool | None = None
    conversation: object = None
    prompt: object = None

    @property
    def wants_json(self) -> bool:
        """Whether the answer's text has to be one JSON object, of whatever form."""
        form = self.text.format if self.text else None
        return form is not None and form.type == "json_object"

    @property
    def wants_summary(self) -> bool:
        """Whether the answer tells what was thought."""
        options = self.reasoning
        return options is not None and bool(options.summary or options.generate_summary)

    @property
    def wants_encrypted(self) -> bool:
        """Whether reasoning comes in the form in which it may be sent back."""
        return "reasoning.encrypted_content" in (self.include or ())

    def items(self) -> Sequence[Item]:
        """What was said so far. Raises `BadRequestError` for what is not served."""
        if isinstance(self.input, str):
            return [Message("user", self.input)]
        return [_item(index, raw) for index, raw in enumerate(self.input)]


class _Kind(msgspec.Struct):
    type: str = "message"


_decoder = msgspec.json.Decoder(ResponsesRequest)
_kind = msgspec.json.Decoder(_Kind)
_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_responses(raw: bytes) -> ResponsesRequest:
    """Read a request; raises `BadRequestError` with the place that is wrong."""
    try:
        return _decoder.decode(raw)
    except _MALFORMED as exc:
        raise BadRequestError(str(exc)) from exc


def _item(index: int, raw: msgspec.Raw) -> Item:
    """The item; one without a type is a message."""
    try:
        shape = _ITEMS.get(_kind.decode(raw).type)
        if shape is not None:
            return msgspec.json.decode(raw, type=shape)
    except _MALFORMED as exc:
        raise BadRequestError(f"input.{index}: {exc}") from exc
    raise BadRequestError(f"input.{index}.type: must be one of {', '.join(_ITEMS)}")

"""The Messages API request as far as the CLI engine reads it."""

from collections.abc import Mapping, Sequence

import msgspec

from worker.core.message import Block
from worker.core.tools import Toolbox, cli_name, oddity
from worker.errors import BadRequestError

_PASSED: tuple[str, ...] = (
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "output_config",
)
"""Fields that the CLI passes on to the provider as they are."""


class RawMessage(msgspec.Struct):
    """A message as the client sent it."""

    role: str
    content: str | list[Block]


class Prompt(msgspec.Struct):
    """A request. What is not named here is the provider's business and is not checked."""

    model: str
    messages: list[RawMessage]
    max_tokens: int = 4096
    system: str | list[Block] | None = None
    tools: list[Block] = []
    tool_choice: Block | None = None
    thinking: Block | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] | None = None
    output_config: Block | None = None
    metadata: Block | None = None

    def system_texts(self) -> list[str]:
        """The system prompt, block by block."""
        if isinstance(self.system, str):
            return [self.system]
        return [str(block.get("text", "")) for block in self.system or ()]

    def toolbox(self) -> Toolbox:
        """The client's tools; only such as the client itself runs."""
        if found := oddity(self.tools):
            raise BadRequestError(f"tools.{found}")
        return Toolbox(self.tools)

    def settings(self, models: Mapping[str, str]) -> dict[str, object]:
        """The CLI's flag settings for this turn; each call sets every one of them anew."""
        return {"model": models.get(self.model, self.model), "env": self._environment()}

    def _environment(self) -> dict[str, str]:
        return {
            "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(self.max_tokens),
            "CLAUDE_CODE_DISABLE_THINKING": "" if self._thinks() else "1",
            "CLAUDE_CODE_EXTRA_BODY": msgspec.json.encode(self._extra()).decode(),
        }

    def _thinks(self) -> bool:
        return self.thinking is not None and self.thinking.get("type") != "disabled"

    def _extra(self) -> dict[str, object]:
        extra = {name: getattr(self, name) for name in _PASSED}
        if self._thinks():
            extra["thinking"] = self.thinking
        if self.toolbox():
            extra["tool_choice"] = _cli_choice(self.tool_choice)
        return {name: value for name, value in extra.items() if value is not None}


def decode_prompt(raw: bytes) -> Prompt:
    """Read a request; raises `BadRequestError` with the place that is wrong."""
    try:
        prompt = msgspec.json.decode(raw, type=Prompt)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadRequestError(str(exc)) from exc
    if not prompt.messages:
        raise BadRequestError("messages: at least one message is required")
    if prompt.max_tokens < 1:
        raise BadRequestError("max_tokens: must be at least 1")
    return prompt


def _cli_choice(choice: Block | None) -> Block | None:
    if choice is None or not isinstance(name := choice.get("name"), str):
        return choice
    return choice | {"name": cli_name(name)}


def blocks_of(content: str | Sequence[Block]) -> list[Block]:
    """Content in its long form, without empty text."""
    text: Block = {"type": "text", "text": content}
    long = [text] if isinstance(content, str) else content
    return [block for block in long if block.get("type") != "text" or block.get("text") != ""]

"""The chunks of a chat completion as the events of one message; a whole completion is one chunk."""

from collections.abc import Iterator
from typing import Final

from worker.core.estimate import tokens_of_bytes
from worker.core.message import Block
from worker.core.openai_blocks import Blocks, Frame, frame
from worker.core.openai_chunk import Choice, Chunk, Usage

_REASONS: Final = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


class ChatReader:
    """Takes one answer's chunks in order and gives a message's events.

    The message is named after its turn, as upstreams use their names again. What makes no sense
    raises `ValueError`. Usage that nobody tells is an estimate, marked as such; `asked` is that of
    the request's tokens.
    """

    def __init__(self, turn: str, model: str, asked: int) -> None:
        self.begun = False
        self._name = f"msg_{turn}"
        self._model = model
        self._asked = asked
        self._blocks = Blocks(turn)
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._refused = False
        self._sequence: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the answer has said why it ended: there is no other sign of its end."""
        return self._finish is not None

    def feed(self, chunk: Chunk) -> Iterator[Frame]:
        """Take a chunk; to be run to its end. The reader has `begun` with the first."""
        if not self.begun:
            self.begun = True
            yield frame("message_start", message=self._head())
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices or ():
            yield from self._take(choice)

    def end(self) -> Iterator[Frame]:
        """The last events; only for an answer that has `finished`."""
        reason = self._stop_reason()
        yield from self._blocks.close(cut=reason == "max_tokens")
        delta = {"stop_reason": reason, "stop_sequence": self._sequence}
        yield frame("message_delta", delta=delta, usage=self._counted())
        yield frame("message_stop")

    def _head(self) -> Block:
        usage = {"input_tokens": 0, "output_tokens": 0}
        head = {"id": self._name, "type": "message", "role": "assistant", "model": self._model}
        return {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}

    def _take(self, choice: Choice) -> Iterator[Frame]:
        if said := choice.delta or choice.message:
            self._refused = self._refused or bool(said.refusal)
            yield from self._blocks.feed(said)
        if choice.finish_reason:
            self._finish = choice.finish_reason
            self._sequence = choice.stop_reason if isinstance(choice.stop_reason, str) else None

    def _stop_reason(self) -> str:
        """Some servers stop where a tool is to be called."""
        if self._refused:
            return "refusal"
        if self._sequence is not None:
            return "stop_sequence"
        usual = "tool_use" if self._blocks.called else "end_turn"
        return _REASONS.get(self._finish or "", usual)

    def _counted(self) -> Block:
        if self._usage is not None:
            return self._usage.counted()
        made = tokens_of_bytes(self._blocks.size)
        return {"input_tokens": self._asked, "output_tokens": made, "estimated": True}

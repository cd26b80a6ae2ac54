"""From the CLI's records to the events of one Messages API stream, or to the turn's failure."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from worker.core.failure import Failure, broken, failure_of_result, failure_of_retry, untaken
from worker.core.message import Block, MessageBuilder
from worker.core.records import (
    Assistant,
    LimitInfo,
    Ran,
    RateLimit,
    Record,
    Result,
    StreamEvent,
    System,
)
from worker.core.state import Window
from worker.core.stitch import MAX_TURNS, Stitch
from worker.core.tools import Toolbox

_HELD: Final = ("message_start", "content_block_start", "ping")
"""Events without content: nothing is shown before the first that has some."""
_RESTS: Final = ("end_turn", "pause_turn", "stop_sequence", "tool_use")
"""Stop reasons that end the turn for the CLI too. After others it asks again by itself."""


class Frame(NamedTuple):
    """One event of the stream; `data` is its JSON on one line."""

    name: str
    data: bytes


_STOP: Final = Frame("message_stop", b'{"type":"message_stop"}')


class _Delta(msgspec.Struct, frozen=True):
    stop_reason: str | None = None


class _Head(msgspec.Struct):
    type: str
    delta: _Delta = _Delta()
    content_block: Block | None = None


_heads = msgspec.json.Decoder(_Head)


class Answer:
    """Reads the records of one turn. When `done`, either `failure` is set or all was given.

    The end of a message is its `message_stop`, but only after a stop reason: the CLI makes up
    the end of a broken stream and asks again by itself. `reusable` says that the process may
    take the next turn; then `content` is what it remembers as its answer. With a `stitch` the
    CLI takes steps of its own, whose messages become one.
    """

    def __init__(self, tools: Toolbox, stitch: Stitch | None = None) -> None:
        self.done = False
        self.reusable = False
        self.begun = False
        self.failure: Failure | None = None
        self.limit: LimitInfo | None = None
        self.tools = tools
        self._error: str | None = None
        self._held: list[Frame] | None = []
        self._stop_reason: str | None = None
        self._stop: Frame | None = None
        self._foreign_tool = False
        self._stitch = stitch
        self._message = MessageBuilder()

    @property
    def message(self) -> Block:
        """The message as far as it has come, shown or not."""
        return self._message.message()

    @property
    def content(self) -> Sequence[Block]:
        """The message's blocks, tools under the names that the client knows."""
        return self._message.content()

    @property
    def works(self) -> bool:
        """Whether a tool of the CLI's own may be running now."""
        return self._stitch is not None and self._stitch.owes

    @property
    def windows(self) -> tuple[Window, ...]:
        """The rate-limit windows that came with the answer; most answers bring none."""
        told = self.limit.unified_windows if self.limit else {}
        return tuple(
            Window(name, window.utilization, window.resets_at, window.status)
            for name, window in told.items()
        )

    def feed(self, record: Record, now: float) -> Collection[Frame]:
        """Take the next record and give the events that may be shown now."""
        match record:
            case StreamEvent(parent_tool_use_id=None):
                return self._streamed(bytes(record.event))
            case Ran(parent_tool_use_id=None) if self._stitch:
                self._stitch.ran(record)
            case Assistant(parent_tool_use_id=None, error=str() as error):
                self._error = error
            case RateLimit():
                self.limit = record.rate_limit_info
            case System(subtype="init") if missing := self.tools.missing(record.tools):
                self._fail(untaken(missing))
            case System(subtype="api_retry") if record.attempt and not self._stop:
                self._fail(failure_of_retry(record, begun=self.begun, now=now))
            case Result():
                return self._result(record, now)
        return ()

    def cut_short(self, failure: Failure) -> Collection[Frame]:
        """The records end here. After a complete message that is no loss."""
        ended = self._ended(None)
        if self.done:
            return ended
        if self._stop:
            return (*ended, *self._finish(reusable=False))
        self._fail(failure)
        return ()

    def _streamed(self, data: bytes) -> Collection[Frame]:
        stitch = self._stitch
        if stitch is None:
            return self._event(data)
        frames = self._each(stitch.take(data))
        if stitch.stop_reason not in (None, *_RESTS):
            return (*frames, *self._each(stitch.finish(None)))
        return (*frames, *self._released()) if stitch.working else frames

    def _each(self, events: Iterable[bytes]) -> Collection[Frame]:
        frames: list[Frame] = []
        for data in events:
            if not self.done:
                frames += self._event(data)
        return frames

    def _ended(self, result: Result | None) -> Collection[Frame]:
        """The end of a stitched message, if the records up to here make a whole one."""
        if self._stitch is None or (self._stitch.owes and not (result and _is_orderly(result))):
            return ()
        return self._each(self._stitch.finish(result))

    def _event(self, data: bytes) -> Collection[Frame]:
        if self._stop:  # the CLI goes on by itself
            return self._finish(reusable=False)
        head = _heads.decode(data)
        if head.content_block and head.content_block.get("type") == "tool_use":
            data = self._renamed(data, head.content_block)
        self._message.add(data)
        frame = Frame(head.type, data)
        match head.type:
            case "message_start" if self.begun:
                return self._break()
            case "message_start":
                self.begun = True
            case "message_delta" if head.delta.stop_reason:
                return (*self._shown(frame), *self._stopping(head.delta.stop_reason))
            case "message_stop":
                return self._stopped(frame)
        return self._shown(frame)

    def _renamed(self, data: bytes, block: Block) -> bytes:
        name = self.tools.client_name(str(block.get("name")))
        if name is None:
            self._foreign_tool = True
            return data
        event: dict[str, object] = msgspec.json.decode(data)
        return msgspec.json.encode(event | {"content_block": block | {"name": name}})

    def _shown(self, frame: Frame) -> Collection[Frame]:
        if self._held is None:
            return (frame,)
        self._held.append(frame)
        return () if frame.name in _HELD else self._released()

    def _released(self) -> Collection[Frame]:
        shown, self._held = self._held or (), None
        return shown

    def _stopping(self, reason: str) -> Collection[Frame]:
        """The message ends for a reason. If the CLI will not rest on that, the turn ends here."""
        if reason in _RESTS and not self._foreign_tool:
            self._stop_reason = reason
            return ()
        self._stop = _STOP
        return self._finish(reusable=False)

    def _stopped(self, frame: Frame) -> Collection[Frame]:
        if self._stop_reason is None:
            return self._break()
        self._stop = frame
        return ()

    def _result(self, result: Result, now: float) -> Collection[Frame]:
        ended = self._ended(result)
        if self.done:
            return ended
        if self._stop:
            return (*ended, *self._finish(reusable=_is_orderly(result)))
        failure = failure_of_result(result, self._error, self.limit, begun=self.begun, now=now)
        self._fail(failure)
        return ()

    def _finish(self, *, reusable: bool) -> Collection[Frame]:
        self.done, self.reusable = True, reusable
        return self._shown(self._stop) if self._stop else ()

    def _break(self) -> Collection[Frame]:
        self._fail(broken("The provider's stream broke.", started=True))
        return ()

    def _fail(self, failure: Failure) -> None:
        self.done, self.failure = True, failure


def _is_orderly(result: Result) -> bool:
    """Whether a turn ended as it should, the bound on its steps included."""
    return not result.is_error or result.terminal_reason == MAX_TURNS

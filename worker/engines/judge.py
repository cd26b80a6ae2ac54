"""Answers of a provider: what is a success, and what anything else means."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Final, TypeVar

import msgspec

from worker.core.sse import EventReader
from worker.engines.account import Account
from worker.engines.base import TurnFailedError
from worker.engines.failures import broken
from worker.engines.upstream import Answer

_OK: Final = 200
_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of one answer or one event: more than any message has."""

Refused = Callable[[int, Mapping[str, str], bytes, float], TurnFailedError | None]
"""Status, headers, body and now → the failure they tell of, or None if they tell of none."""
Shape = TypeVar("Shape")


class Judge:
    """Reads answers for an account, which learns from their headers."""

    def __init__(self, account: Account, refused: Refused) -> None:
        self._account = account
        self._refused = refused

    async def accept(self, answer: Answer, content_type: str) -> None:
        """Go on with a success of that type; raise what anything else means."""
        self._account.answered(answer.headers)
        if (answer.status, answer.content_type, answer.plain) == (_OK, content_type, True):
            return
        body = b""
        with suppress(TurnFailedError):
            body = await answer.body(_LIMIT)
        raise self.failure(answer, body)

    async def whole(self, answer: Answer, shape: type[Shape]) -> tuple[bytes, Shape]:
        """The JSON of a success, as it came and as what it has to be."""
        await self.accept(answer, "application/json")
        body = await answer.body(_LIMIT)
        try:
            return body, msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise self.failure(answer, body) from exc

    def failure(self, answer: Answer, body: bytes, *, started: bool = False) -> TurnFailedError:
        """What an error body means; `started` if the turn had told something before."""
        failure = self._refused(answer.status, answer.headers, body, self._account.clock())
        if failure is None:
            return broken(f"the provider's answer ({answer.status}) makes no sense")
        failure.verdict = replace(failure.verdict, started=failure.verdict.started or started)
        return failure


async def events_of(answer: Answer) -> AsyncGenerator[tuple[str, bytes], None]:
    """The names and data of an answer's server-sent events."""
    reader = EventReader(_LIMIT)
    async with aclosing(answer.chunks()) as chunks:
        async for chunk in chunks:
            try:
                events = tuple(reader.feed(chunk))
            except ValueError as exc:
                raise broken("the provider's stream makes no sense") from exc
            for event in events:
                yield event

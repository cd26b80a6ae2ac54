"""What all workers together know of a client's sessions: asked of each, answered as one."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec

from proxy.core.account import ANY_MODEL, AccountName
from proxy.core.routes import session_of
from proxy.core.session import is_session_of
from proxy.core.sessions import (
    LONGEST,
    Deleted,
    Session,
    Told,
    conversation,
    marked,
    merged,
    page,
)
from proxy.edge import JSON, Trip, ours
from proxy.errors import NotFoundError, NoWorkerError, ProxyError
from proxy.http1.exchange import Exchange
from proxy.http1.framing import RequestHead
from proxy.http1.upstream import Upstreams
from proxy.pool import AccountPool, Call
from proxy.ways import Way

LARGEST: Final = 64 * 1024 * 1024
"""The most that is taken of one worker's answer, in bytes."""

Shape = TypeVar("Shape", Told, Session, Deleted)


@dataclass(frozen=True, slots=True)
class Reply:
    """One worker's answer: it has something, or (404) nothing of that kind."""

    account: AccountName
    status: int
    content_type: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A client's question about its sessions."""

    exchange: Exchange
    trip: Trip
    client: str

    @property
    def head(self) -> RequestHead:
        return self.exchange.head

    def respond(self, told: object) -> None:
        """Answer in JSON."""
        self.exchange.respond(200, [*ours(self.trip), JSON], msgspec.json.encode(told))


@dataclass(slots=True)
class Census:
    """Asks the workers in service, `patience` seconds at most. Plain Messages APIs know nothing.

    Clients are told accounts' names only with `expose_account`.
    """

    pool: AccountPool
    ways: Mapping[AccountName, Way]
    upstreams: Upstreams
    expose_account: bool
    patience: float = 5.0

    async def answer(self, inquiry: Inquiry) -> None:
        """Answer one question. Raises NotFoundError, or NoWorkerError where nobody can say."""
        path, key = inquiry.head.path, session_of(inquiry.head.path)
        if key is None:
            await self._list(inquiry)
        elif not is_session_of(inquiry.client, key):
            raise NotFoundError("There is no such session.")
        elif inquiry.head.method == "DELETE":
            await self._delete(inquiry)
        elif path == b"/v1/sessions/" + key.encode():
            await self._sum_up(inquiry, key)
        else:
            await self._pass_on(inquiry, key)

    async def _list(self, inquiry: Inquiry) -> None:
        pages, partial = await self._everyone(inquiry, b"/v1/sessions?limit=%d" % LONGEST, Told)
        sessions = merged(_owned(session, name) for name, told in pages for session in told.data)
        partial = partial or any(told.has_more for _, told in pages)
        query = inquiry.head.query
        if inquiry.head.path == b"/v1/sessions":
            shown = [self._shown(session) for session in sessions]
            inquiry.respond(page(shown, query, partial=partial))
        else:
            inquiry.respond(page([conversation(each) for each in sessions], query, partial=partial))

    async def _delete(self, inquiry: Inquiry) -> None:
        """Have it forgotten wherever it is."""
        found, partial = await self._everyone(inquiry, inquiry.head.target, Deleted)
        if not found:
            raise _unknown(partial=partial)
        inquiry.respond(marked(found[0][1], partial=partial))

    async def _sum_up(self, inquiry: Inquiry, key: str) -> None:
        sightings, partial = await self._sightings(inquiry, key)
        (session,) = merged(sightings)
        inquiry.respond(marked(self._shown(session), partial=partial))

    async def _pass_on(self, inquiry: Inquiry, key: str) -> None:
        """Let an account answer that has had the session, the last one first."""
        reply = None
        sightings, _ = await self._sightings(inquiry, key)
        for session in sightings:
            account = inquiry.trip.account = AccountName(session.account or "")
            reply = await self._ask(account, inquiry, inquiry.head.target) or reply
            if reply is not None and reply.status == HTTPStatus.OK:
                break
        if reply is None:
            raise NoWorkerError("The session's worker does not answer.", retry_after=1)
        headers = [*ours(inquiry.trip), (b"content-type", reply.content_type)]
        inquiry.exchange.respond(reply.status, headers, reply.body)

    async def _sightings(self, inquiry: Inquiry, key: str) -> tuple[Sequence[Session], bool]:
        """What each account that has had the session knows of it, the last one first.

        The flag says whether another might.
        """
        found, partial = await self._everyone(inquiry, b"/v1/sessions/" + key.encode(), Session)
        if not found:
            raise _unknown(partial=partial)
        owned = [_owned(session, name) for name, session in found]
        return sorted(owned, key=lambda each: each.last_used_at, reverse=True), partial

    async def _everyone(
        self, inquiry: Inquiry, target: bytes, shape: type[Shape]
    ) -> tuple[Sequence[tuple[AccountName, Shape]], bool]:
        """What was found, and whether a worker is missing that might have something."""
        names, complete = self.pool.workers()
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._ask(name, inquiry, target)) for name in names]
        found, heard = [], 0
        for reply in (task.result() for task in asked):
            with suppress(msgspec.MsgspecError):
                if reply and reply.status == HTTPStatus.OK:
                    found.append((reply.account, msgspec.json.decode(reply.body, type=shape)))
                heard += reply is not None
        return found, not complete or heard < len(names)

    def _shown(self, session: Session) -> Session:
        return session if self.expose_account else _owned(session, None)

    async def _ask(self, account: AccountName, inquiry: Inquiry, target: bytes) -> Reply | None:
        """One worker's answer; None if it gives none, or fails."""
        way = self.ways[account]
        call = Call(inquiry.trip.id, inquiry.client, None, ANY_MODEL)
        head = way.request(msgspec.structs.replace(inquiry.head, target=target), call, 0)
        try:
            async with (
                asyncio.timeout(self.patience),
                self.upstreams.exchange(way.origin, head, b"") as answer,
            ):
                body = await answer.body(LARGEST)
        except (ProxyError, TimeoutError):
            return None
        status, kind = answer.head.status, answer.head.get(b"content-type") or b""
        if status == HTTPStatus.UNAUTHORIZED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        return Reply(account, status, kind, body)


def _owned(session: Session, account: AccountName | None) -> Session:
    """The session under the name that its account has here."""
    return msgspec.structs.replace(session, account=account)


def _unknown(*, partial: bool) -> ProxyError:
    """What it means that nothing was found."""
    if partial:
        return NoWorkerError("Not every worker could be asked for this session.", retry_after=1)
    return NotFoundError("There is no such session.")

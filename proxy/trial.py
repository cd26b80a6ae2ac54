"""One small request of our own to an account: is it as limited as we believe?"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.core.account import AccountName, ModelFamily
from proxy.core.evidence import read_verdict
from proxy.core.recovery import trial_body
from proxy.core.verdict import Verdict
from proxy.errors import ProxyError
from proxy.forward import texts
from proxy.http1.framing import Framing, RequestHead
from proxy.http1.upstream import Upstreams
from proxy.pool import AccountPool, Call
from proxy.ways import Way

LARGEST: Final = 65_536
"""The most that is read of an answer, in bytes."""

HEAD: Final = RequestHead(
    method="POST",
    target=b"/v1/messages",
    path=b"/v1/messages",
    query=b"",
    minor=1,
    headers=(
        (b"content-type", b"application/json"),
        (b"accept", b"application/json"),
        (b"anthropic-version", b"2023-06-01"),
        (b"user-agent", b"headgate"),
    ),
    framing=Framing.LENGTH,
    length=None,
    keep_alive=True,
    expect_continue=False,
)


@dataclass(frozen=True, slots=True)
class Trial:
    """Asks by the same way that clients' requests go, for `patience` seconds at most."""

    pool: AccountPool
    ways: Mapping[AccountName, Way]
    upstreams: Upstreams
    patience: float = 30.0

    async def ask(self, account: AccountName, family: ModelFamily, model: str) -> Verdict | None:
        """What the answer means, None where there is none."""
        way, body = self.ways[account], trial_body(model)
        call = Call(f"trial-{account}", "headgate", None, family)
        head = way.request(HEAD, call, len(body))
        try:
            async with (
                asyncio.timeout(self.patience),
                self.upstreams.exchange(way.origin, head, body) as answer,
            ):
                content = await answer.body(LARGEST)
        except (ProxyError, TimeoutError):
            return None
        headers = texts(answer.head.headers)
        return read_verdict(answer.head.status, headers, content, self.pool.now())

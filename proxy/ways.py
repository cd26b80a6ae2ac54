"""The ways to the accounts: where each listens, and the head of a request to it."""

from dataclasses import dataclass

from proxy.core.account import Account
from proxy.core.headers import Stamp, to_worker
from proxy.http1.framing import RequestHead, render_request
from proxy.http1.upstream import Origin
from proxy.pool import Call


@dataclass(frozen=True, slots=True)
class Way:
    """One account's upstream, worked out once."""

    origin: Origin
    headers: tuple[tuple[bytes, bytes], ...]
    plain: bool

    def request(self, head: RequestHead, call: Call, body_bytes: int) -> bytes:
        """The head to send for a client's request: the target as it came, the headers ours."""
        session = call.session.encode() if call.session else None
        stamp = Stamp(
            self.headers, call.request_id.encode(), call.client.encode(), session, plain=self.plain
        )
        headers = [(b"host", self.origin.host_header), *to_worker(head.headers, stamp)]
        return render_request(head.method, self.origin.prefix + head.target, headers, body_bytes)


def way_to(account: Account) -> Way:
    """Work out the way to an account."""
    headers = tuple((n.lower().encode(), v.encode()) for n, v in account.headers.items())
    return Way(Origin.parse(account.url), headers, account.plain)

"""Who may talk to a worker; what a token does is proven at the edge."""

from types import SimpleNamespace

import pytest
from aiohttp.test_utils import make_mocked_request

from worker.api.guard import Guard
from worker.errors import UnauthorizedError


@pytest.mark.parametrize(
    ("peer", "served"),
    [
        (("127.0.0.1", 5), True),
        (("127.9.9.9", 5), True),
        (("::1", 5, 0, 0), True),
        (("::ffff:127.0.0.1", 5, 0, 0), True),
        (("10.0.0.1", 5), False),
        (("::ffff:10.0.0.1", 5, 0, 0), False),
        (("fe80::1%eth0", 5, 0, 2), False),
        ("", False),
        (None, False),
    ],
)
def test_without_a_token_only_loopback_peers_are_served(peer, served):
    transport = SimpleNamespace(get_extra_info=lambda name: peer if name == "peername" else None)
    request = make_mocked_request("GET", "/state", transport=transport)
    if served:
        Guard(None).check(request)
        return
    with pytest.raises(UnauthorizedError):
        Guard(None).check(request)

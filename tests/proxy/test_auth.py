import hashlib

import pytest

from proxy.auth import LOCAL, Authenticator, Brake
from proxy.config import Client
from proxy.errors import ClientLimitError, UnauthorizedError

HERE, THERE = "127.0.0.1", "192.0.2.7"


def client(name, key, **more):
    return Client(name, hashlib.sha256(key.encode()).digest(), **more)


ALICE = client("alice", "alice-key")
OLD = client("old", "old-key", revoked=True)


@pytest.fixture
def auth():
    return Authenticator([ALICE, OLD], clock=lambda: 0.0)


@pytest.mark.parametrize(
    "header",
    [
        (b"x-api-key", b"alice-key"),
        (b"authorization", b"Bearer alice-key"),
        (b"authorization", b"bearer  alice-key"),
    ],
)
def test_a_client_is_known_by_its_key(header, auth):
    assert auth.client_of([(b"host", b"h"), header], THERE) is ALICE


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ([], "key is missing"),
        ([(b"x-api-key", b"")], "not known"),
        ([(b"x-api-key", b"Alice-key")], "not known"),
        ([(b"x-api-key", ALICE.digest)], "not known"),
        ([(b"x-api-key", b"\xff\x00")], "not known"),
        ([(b"x-api-key", b"old-key")], "revoked"),
        ([(b"authorization", b"Basic alice-key")], "bearer token"),
        ([(b"authorization", b"alice-key")], "bearer token"),
        ([(b"x-api-key", b"alice-key"), (b"authorization", b"Bearer alice-key")], "one"),
        ([(b"x-api-key", b"alice-key"), (b"authorization", b"Bearer other")], "one"),
        ([(b"x-api-key", b"alice-key"), (b"x-api-key", b"alice-key")], "one"),
    ],
)
def test_anything_else_is_refused_and_never_repeated(headers, message, auth):
    with pytest.raises(UnauthorizedError, match=message) as caught:
        auth.client_of(headers, HERE)

    assert "alice-key" not in caught.value.message
    assert "old-key" not in caught.value.message


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_without_clients_this_machine_is_served_whatever_key_it_sends(peer):
    headers = [(b"host", b"localhost:8080"), (b"x-api-key", b"anything")]

    assert Authenticator([]).client_of(headers, peer) is LOCAL


@pytest.mark.parametrize(
    ("headers", "peer"),
    [
        ([(b"host", b"localhost")], THERE),
        ([(b"host", b"localhost")], "10.127.0.1"),
        # A web page whose name was made to lead here.
        ([(b"host", b"evil.test:8080")], HERE),
        # A web page from elsewhere that addresses this machine.
        ([(b"host", b"localhost"), (b"origin", b"https://evil.test")], HERE),
        ([(b"host", b"localhost"), (b"origin", b"null")], HERE),
        ([(b"host", b"[bad")], HERE),
        ([], HERE),
    ],
)
def test_without_clients_nobody_else_is_served(headers, peer):
    with pytest.raises(UnauthorizedError, match="Without client keys"):
        Authenticator([]).client_of(headers, peer)


def guess(auth, peer, key=b"guess"):
    with pytest.raises((UnauthorizedError, ClientLimitError)) as caught:
        auth.client_of([(b"x-api-key", key)], peer)
    return caught.value.status


def test_a_source_of_many_unknown_keys_is_slowed_down_and_no_one_else():
    auth = Authenticator([ALICE, OLD], Brake(burst=3, pause=10), lambda: 0.0)

    assert [guess(auth, THERE) for _ in range(5)] == [401, 401, 401, 429, 429]
    assert guess(auth, HERE) == 401
    assert guess(auth, THERE, b"old-key") == 401
    assert auth.client_of([(b"x-api-key", b"alice-key")], THERE) is ALICE


def test_the_brake_says_how_long_and_lets_go_in_time():
    brake = Brake(burst=2, pause=10)

    assert [brake.press("a", now) for now in (0, 0, 0, 4)] == [None, None, 10, 6]
    assert brake.press("a", 10) is None
    assert brake.press("a", 10) == 10


def test_the_brake_forgets_the_oldest_source():
    brake = Brake(burst=1, pause=10, remembered=2)
    for source in ("a", "b", "c"):
        brake.press(source, 0)

    assert brake.press("c", 0) is not None
    assert brake.press("a", 0) is None

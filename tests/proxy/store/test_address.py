import pytest

from proxy.store.address import StoreAddress, Topology


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", StoreAddress(Topology.SINGLE, (("localhost", 6379),))),
        ("redis://[::1]:7000/3", StoreAddress(Topology.SINGLE, (("::1", 7000),), database=3)),
        ("rediss://r:1/", StoreAddress(Topology.SINGLE, (("r", 1),), tls=True)),
        ("unix:///run/r.sock", StoreAddress(Topology.SOCKET, path="/run/r.sock")),
        (
            "redis+sentinel://a,b:1/main/2",
            StoreAddress(Topology.SENTINEL, (("a", 26379), ("b", 1)), service="main", database=2),
        ),
        (
            "rediss+cluster://a:1,b",
            StoreAddress(Topology.CLUSTER, (("a", 1), ("b", 6379)), tls=True),
        ),
    ],
)
def test_an_address_is_read(url, expected):
    assert StoreAddress.parse(url) == expected


@pytest.mark.parametrize(
    ("login", "username", "password"),
    [("ann:se%40cret", "ann", "se@cret"), (":secret", None, "secret"), ("ann", "ann", None)],
)
@pytest.mark.parametrize("rest", ["host:6379/1", "a,b/main"])
def test_credentials_may_stand_in_it(login, username, password, rest):
    scheme = "redis+sentinel" if "," in rest else "redis"
    address = StoreAddress.parse(f"{scheme}://{login}@{rest}")

    assert (address.username, address.password) == (username, password)
    assert "cret" not in repr(address)
    assert "@" not in str(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://secret@host",
        "redis://",
        "redis://:secret@",
        "redis://:secret@host:0",
        "redis://:secret@host:99999",
        "redis://:secret@a,b",
        "redis://:secret@host/x",
        "redis://:secret@host/1/2",
        "redis://:secret@host?db=1",
        "redis://:se/secret@host",
        "redis://:secret@[::1",
        "redis://:secret\u2100@host",
        "redis+sentinel://:secret@a",
        "redis+cluster://:secret@a/1",
        "unix://:secret@",
        "unix://:secret@host/path",
    ],
)
def test_what_is_none_is_refused_and_not_repeated(url):
    with pytest.raises(ValueError, match=r"\w") as caught:
        StoreAddress.parse(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["redis://[::1]:7000", "unix:///run/r.sock", "rediss+sentinel://a:1,b:2/main"],
)
def test_it_is_written_as_it_was_read(url):
    assert str(StoreAddress.parse(url)) == url

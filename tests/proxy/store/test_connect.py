import time
from dataclasses import replace

import pytest
from redis.exceptions import AuthenticationError

from proxy.store.address import Link, StoreAddress, Tls
from proxy.store.away import FAILURES, Away, away
from proxy.store.connect import connect
from tests.redis_rig import certificate, cluster, redis_server, sentinels


async def pinged(link):
    """Whether a write and a read go through."""
    client = connect(link)
    try:
        await client.set("{headgate}:proof", "1", ex=1)
        return await client.get("{headgate}:proof") == b"1"
    finally:
        await client.aclose()


def link(url, **options):
    return Link(StoreAddress.parse(url), **options)


@pytest.fixture(scope="module")
def guarded():
    """A server that asks for a password, and knows the user ann beside."""
    ann = ["ann", "on", ">inner-secret", "~*", "+@all"]
    users = ["--requirepass", "outer-secret", "--user", *ann]
    with redis_server(*users) as server:
        yield server


@pytest.mark.parametrize("address", ["tcp", "url"])
async def test_a_server_is_reached_by_port_and_by_socket(address):
    with redis_server() as server:
        assert await pinged(link(getattr(server, address)))


@pytest.mark.parametrize(
    "options",
    [{"password": "outer-secret"}, {"username": "ann", "password": "inner-secret"}],
    ids=["password", "user"],
)
async def test_a_password_or_a_user_opens_it(guarded, options):
    assert await pinged(link(guarded.tcp, **options))


async def test_credentials_in_the_address_serve_too(guarded):
    assert await pinged(link(guarded.tcp.replace("//", "//ann:inner-secret@")))


async def test_a_wrong_password_is_refused_and_nowhere_repeated(guarded):
    wrong = link(guarded.tcp, password="wrong-secret")

    with pytest.raises(AuthenticationError) as caught:
        await pinged(wrong)

    assert away(caught.value).kind is Away.REFUSED
    assert "wrong-secret" not in repr(wrong) + str(caught.value) + repr(connect(wrong))


async def test_tls_is_spoken_and_the_server_must_be_who_it_says(tmp_path):
    mine, other = certificate(tmp_path / "mine"), certificate(tmp_path / "other")
    keys = ["--tls-cert-file", mine.certificate, "--tls-key-file", mine.key]
    tls = [*keys, "--tls-ca-cert-file", mine.certificate, "--tls-auth-clients", "yes"]
    with redis_server("--tls-replication", "no", *tls, tls=True) as server:
        known = link(server.tcp.replace("redis:", "rediss:").replace("127.0.0.1", "localhost"))
        ours = replace(known, tls=Tls(mine.certificate, mine.certificate, mine.key))

        assert await pinged(ours)
        for wrong in (Tls(), replace(ours.tls, ca=other.certificate)):
            with pytest.raises(FAILURES):
                await pinged(replace(known, tls=wrong))


async def test_sentinels_are_asked_for_the_master():
    with sentinels() as group:
        assert await pinged(link(group.url))


async def test_a_cluster_is_reached_through_any_of_its_nodes():
    with cluster() as members:
        assert await pinged(link(f"redis+cluster://127.0.0.1:{members.nodes[2].port}"))


@pytest.mark.parametrize("form", ["redis://{}", "redis+sentinel://{}/main", "redis+cluster://{}"])
async def test_nobody_there_is_found_out_at_once(form):
    began = time.monotonic()

    with pytest.raises(FAILURES):
        await pinged(link(form.format("127.0.0.1:1")))

    assert time.monotonic() - began < 1


async def test_a_frozen_server_is_not_waited_for():
    with redis_server() as server:
        client = connect(link(server.tcp))
        await client.ping()
        server.freeze()
        began = time.monotonic()

        with pytest.raises(FAILURES) as caught:
            await client.ping()

        assert time.monotonic() - began < 0.5
        assert away(caught.value).kind is Away.TIMEOUT
        server.thaw()
        await client.aclose()

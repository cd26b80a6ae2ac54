import stat
from hashlib import sha256

import aiohttp
import pytest

from proxy.config import ConfigError, load, read_clients
from proxy.core.quota import ClientLimits
from tests.e2e.rig import Serving
from tests.proxy.pool_rig import ticks
from tests.proxy.raw_worker import RawWorker, whole

ANSWER = whole(b'{"type":"message","content":[]}', b"content-type: application/json")


@pytest.fixture
def keys(headgate, tmp_path):
    """Runs `headgate keys …` on one file; what it printed."""

    def run(command, *arguments, code=0):
        result = headgate("keys", command, *arguments, "--file", tmp_path / "clients.yaml")
        assert result.exit_code == code, result.output
        return result.output

    return run


def added(keys, name, *options):
    return keys("add", name, *options).split()[1]


def test_a_new_key_comes_with_its_hash(headgate):
    key, key_hash = (line.split()[1] for line in headgate("keys", "new").output.splitlines())

    assert key_hash == f"sha256:{sha256(key.encode()).hexdigest()}"


def test_every_key_is_another_and_fit_for_a_configuration(headgate, tmp_path):
    keys = {headgate("keys", "new").output.split()[1] for _ in range(3)}
    file = tmp_path / "headgate.yaml"
    clients = ", ".join(f"{{name: c{n}, key: {key}}}" for n, key in enumerate(keys))
    file.write_text(f"clients: [{clients}]\naccounts: [{{name: a, login: oauth}}]")

    assert len(keys) == 3
    assert len(load(file).clients) == 3


def test_the_file_holds_the_hash_alone_and_is_its_owners(keys, tmp_path):
    key, file = added(keys, "alice"), tmp_path / "clients.yaml"

    assert key not in file.read_text()
    assert [one.digest for one in read_clients(file)] == [sha256(key.encode()).digest()]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_limits_and_priority_are_kept(keys, tmp_path):
    options = "--priority batch --concurrency 8 --requests-per-minute 0.5 --burst 3"
    added(keys, "nightly", *options.split(), "--tokens-per-day", "5000", "--model", "sonnet")
    added(keys, "free")
    nightly, free = read_clients(tmp_path / "clients.yaml")

    assert nightly.priority == "batch"
    assert nightly.limits == ClientLimits(8, 0.5, 5000, ("sonnet",), 3)
    assert (free.priority, free.limits) == ("interactive", ClientLimits())


def test_the_list_shows_eight_digits_of_a_hash(keys):
    digest = sha256(added(keys, "alice", "--burst", "2").encode()).hexdigest()
    added(keys, "bob")
    keys("revoke", "bob")
    listed = keys("list")

    assert listed.split()[:4] == ["alice", digest[:8], "interactive", "burst=2"]
    assert "revoked      no limits" in listed
    assert digest[:9] not in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "alice"), "alice: there is such a client already"),
        (("add", "not a name"), "should be 1 to 64 of letters"),
        (("revoke", "nobody"), "nobody: there is no such client"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(keys, tmp_path, arguments, message):
    added(keys, "alice")
    before = (tmp_path / "clients.yaml").read_text()

    assert message in keys(*arguments, code=1)
    assert (tmp_path / "clients.yaml").read_text() == before


@pytest.mark.parametrize("content", [None, "clients: 7", "[]", "clients: [{name: a}]", "{"])
def test_a_file_that_is_none_is_left_alone(keys, tmp_path, content):
    file = tmp_path / "clients.yaml"
    if content is not None:
        file.write_text(content)

    assert str(keys("list", code=1)).startswith("headgate: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "clients_file: cannot read"),
        ("clients: [{name: x, key_hash: 'sha256:12'}]", "clients_file[0].key_hash: should be"),
        ("clients: [{name: x}]", "clients_file[0].key_hash: is missing"),
        ("clients: [{name: x, key: secret}]", "clients_file[0].key: unknown key"),
        (f"clients: [{{name: alice, key_hash: 'sha256:{'1' * 64}'}}]", "is that of clients[0]"),
    ],
)
def test_a_configuration_says_what_is_wrong_with_its_clients_file(tmp_path, content, problem):
    if content is not None:
        (tmp_path / "keys.yaml").write_text(content)
    file = tmp_path / "headgate.yaml"
    file.write_text(f"""\
clients_file: keys.yaml
clients: [{{name: alice, key_hash: "sha256:{"a" * 64}"}}]
accounts: [{{name: a, login: oauth}}]
""")

    with pytest.raises(ConfigError) as error:
        load(file)

    assert problem in str(error.value)


def test_with_a_clients_file_other_machines_may_be_served_and_strangers_should_not_read_it(
    keys, tmp_path
):
    added(keys, "alice")
    (tmp_path / "clients.yaml").chmod(0o604)
    file = tmp_path / "headgate.yaml"
    file.write_text("""\
listen: 0.0.0.0:8080
clients_file: clients.yaml
accounts: [{name: a, login: oauth}]
""")
    settings = load(file)

    assert [client.name for client in settings.clients] == ["alice"]
    assert "clients.yaml is open to every user" in settings.warnings[0]


async def test_a_proxy_that_serves_knows_new_keys_and_refuses_revoked_ones(keys, tmp_path):
    key = added(keys, "alice")
    async with RawWorker(ANSWER) as worker:
        account = {"name": "a", "url": worker.url, "headers": {"x-api-key": "dummy"}}
        config = {"clients_file": "clients.yaml", "clients": []}
        async with Serving(tmp_path, account, **config) as proxy:
            assert await status(proxy, key) == 200
            other = added(keys, "bob")
            await becomes(proxy, other, 200)
            keys("revoke", "alice")
            await becomes(proxy, key, 401)
            assert await status(proxy, other) == 200


async def status(proxy, key):
    headers = {"x-api-key": key}
    body = {"model": "claude-haiku-4-5", "messages": [{"role": "user", "content": "hi"}]}
    url = f"http://127.0.0.1:{proxy.port}/v1/messages"
    async with aiohttp.ClientSession(headers=headers) as http, http.post(url, json=body) as answer:
        return answer.status


async def becomes(proxy, key, wanted):
    async for _ in ticks():
        if await status(proxy, key) == wanted:
            return

import hashlib
from pathlib import Path

import pytest

from proxy.config import (
    Address,
    Client,
    ConfigError,
    Discovery,
    Login,
    LoginMethod,
    Priority,
    SharedStore,
    load,
)
from proxy.core.account import Account
from proxy.core.quota import ClientLimits
from proxy.store.address import Link, StoreAddress, Tls, Topology

ACCOUNTS = "accounts: [{name: a, url: 'http://127.0.0.1:9101'}]\n"
CLIENTS = "clients: [{name: alice, key: a-good-key}]\n"
LONG = "k-1-k-2-k-3-k-4-k-5"
KEY_HASH = hashlib.sha256(LONG.encode()).hexdigest()
WHOLE = """\
listen: 0.0.0.0:8080
admin: {listen: "127.0.0.1:8081", token_file: admin}
store: memory
state_file: state/headgate.state
clients:
  - {name: alice, key: ${ALICE_KEY}, priority: interactive}
  - {name: nightly, key_file: nightly, priority: batch,
     limits: {concurrency: 8, requests_per_minute: 60, tokens_per_day: 5000000,
              models: [sonnet, haiku]}}
accounts:
  - {name: alice-max, url: "http://127.0.0.1:9101", token_file: worker, concurrency: 4, weight: 2}
  - {name: plain-key, url: "https://api.example.com/", headers: {X-Api-Key: "${KEY}"}}
affinity: {ttl: 1800}
gate: {lease_ttl: 45, spill_after: 0}
queue: {max_requests: 10, max_bytes: 1000, max_wait: 6}
timeouts: {client_header: 1, client_body_idle: 2, connect: 3, first_byte: 4, stream_idle: 5,
           drain_dwell: 0, drain: 7}
limits: {body: 1000, header: 2000}
expose_account: true
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        file = tmp_path / "headgate.yaml"
        file.write_text(text)
        return load(file)

    return read_text


@pytest.fixture
def problems(read):
    def problems_of(text):
        with pytest.raises(ConfigError) as caught:
            read(text)
        return [str(problem) for problem in caught.value.problems]

    return problems_of


@pytest.fixture
def secret(tmp_path):
    def put(name, text, mode=0o600):
        file = tmp_path / name
        file.write_text(text)
        file.chmod(mode)
        return file

    return put


@pytest.fixture
def whole(read, secret, monkeypatch):
    for name in ("admin", "nightly", "worker"):
        secret(name, f"the-long-{name}-secret\n")
    monkeypatch.setenv("ALICE_KEY", "the-long-alice-secret")
    monkeypatch.setenv("KEY", "provider-secret")
    return read(WHOLE)


def digest(key):
    return hashlib.sha256(key.encode()).digest()


def test_everything_that_the_file_says_is_in_the_settings(whole, tmp_path):
    assert whole.listen == Address("0.0.0.0", 8080)
    assert whole.admin.token == "the-long-admin-secret"
    assert whole.state_file == tmp_path / "state/headgate.state"
    assert whole.clients == (
        Client("alice", digest("the-long-alice-secret")),
        Client(
            "nightly",
            digest("the-long-nightly-secret"),
            Priority.BATCH,
            ClientLimits(8, 60, 5_000_000, ("sonnet", "haiku")),
        ),
    )
    assert whole.accounts == (
        Account(
            "alice-max",
            "http://127.0.0.1:9101",
            concurrency=4,
            weight=2,
            headers={"authorization": "Bearer the-long-worker-secret"},
        ),
        Account(
            "plain-key",
            "https://api.example.com",
            plain=True,
            headers={"x-api-key": "provider-secret"},
        ),
    )
    assert (whole.affinity.ttl, whole.gate.spill_after, whole.queue.max_wait) == (1800, 0, 6)
    assert (whole.timeouts.connect, whole.timeouts.drain) == (3, 7)
    assert (whole.limits.body, whole.expose_account, whole.warnings) == (1000, True, ())


def test_the_representation_holds_no_key(whole):
    text = repr(whole)

    assert "-secret" not in text
    assert digest("the-long-alice-secret").hex()[:8] not in text


def test_accounts_alone_are_enough_on_loopback(read, tmp_path):
    settings = read(ACCOUNTS)

    assert (settings.listen, settings.admin.listen) == (
        Address("127.0.0.1", 8080),
        Address("127.0.0.1", 8081),
    )
    assert settings.state_file == tmp_path / "headgate.state"
    assert settings.timeouts.first_byte == 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("[::1]:8080", Address("::1", 8080)),
        ("localhost:80", Address("localhost", 80)),
    ],
)
def test_an_address_is_read_and_written_alike(text, expected):
    assert Address.parse(text) == expected
    assert str(expected) == text
    assert expected.loopback


@pytest.mark.parametrize("text", ["8080", ":8080", "::1:8080", "h:", "h:65536", "h:8o", "h:-1"])
def test_half_an_address_is_none(text):
    with pytest.raises(ValueError, match="such as"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("login", "method", "credentials"),
    [
        ("oauth", LoginMethod.OAUTH, {}),
        ("{oauth: true}", LoginMethod.OAUTH, {}),
        ("{api_key: k-1}", LoginMethod.API_KEY, {"api_key": "k-1"}),
        ("{oauth_token_file: token}", LoginMethod.OAUTH_TOKEN, {"oauth_token": "t-1"}),
        ("{bedrock: {region: eu-west-1}}", LoginMethod.BEDROCK, {"region": "eu-west-1"}),
        (
            "{vertex: {region: global, project: p}}",
            LoginMethod.VERTEX,
            {"region": "global", "project": "p"},
        ),
    ],
)
def test_a_login_names_its_method(login, method, credentials, read, secret):
    secret("token", "t-1")

    settings = read(f"accounts: [{{name: a, login: {login}, concurrency: 2}}]")

    assert settings.accounts == ()
    assert settings.logins == (Login("a", method, credentials, concurrency=2),)


def test_a_key_may_be_given_as_its_hash(read):
    settings = read(
        f"{ACCOUNTS}clients: [{{name: a, key_hash: 'sha256:{digest('k').hex().upper()}'}}]"
    )

    assert settings.clients == (Client("a", digest("k")),)


def test_the_environment_overrides_the_file(read, monkeypatch):
    monkeypatch.setenv("HEADGATE_LISTEN", "127.0.0.1:18080")
    monkeypatch.setenv("HEADGATE_ADMIN__LISTEN", "127.0.0.1:18081")
    monkeypatch.setenv("HEADGATE_TIMEOUTS__DRAIN", "5")
    monkeypatch.setenv("HEADGATE_EXPOSE_ACCOUNT", "true")

    settings = read(f"{ACCOUNTS}listen: 127.0.0.1:1\ntimeouts: {{drain: 9, connect: 2}}")

    assert settings.listen.port == 18080
    assert settings.admin.listen.port == 18081
    assert (settings.timeouts.drain, settings.timeouts.connect) == (5, 2)
    assert settings.expose_account


def test_variables_that_kubernetes_makes_up_are_left_alone(read, monkeypatch):
    monkeypatch.setenv("HEADGATE_PORT", "tcp://10.0.0.1:8080")
    monkeypatch.setenv("HEADGATE_SERVICE_HOST", "10.0.0.1")

    assert read(ACCOUNTS).listen.port == 8080


def test_a_misspelt_key_of_a_group_in_the_environment_is_told(problems, monkeypatch):
    monkeypatch.setenv("HEADGATE_TIMEOUTS__DRIAN", "5")

    assert problems(ACCOUNTS) == ["timeouts.drian: unknown key"]


@pytest.mark.parametrize("text", ["redis://r:1", "{url: 'redis://r:1'}"])
def test_a_shared_store_is_named_by_its_address(read, text):
    store = read(f"store: {text}\n{ACCOUNTS}").store

    assert store == SharedStore(Link(StoreAddress(Topology.SINGLE, (("r", 1),))))
    assert read(ACCOUNTS).store is read(f"store: memory\n{ACCOUNTS}").store is None


def test_the_environment_may_name_the_store(read, monkeypatch):
    monkeypatch.setenv("HEADGATE_STORE", "unix:///run/r.sock")

    assert read(ACCOUNTS).store.link.address.path == "/run/r.sock"


def test_a_shared_store_takes_its_secrets_by_reference(read, tmp_path, monkeypatch):
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("PEM")
    (tmp_path / "password").write_text("of-the-file\n")
    monkeypatch.setenv("STORE_USER", "ann")
    text = """\
store: {url: "rediss://r", username: "${STORE_USER}", password_file: password, timeout: 0.5,
        ca_file: ca, cert_file: cert, key_file: key, prefix: team, replicas: 3}
"""
    store = read(text + ACCOUNTS).store

    tls = Tls(*(str(tmp_path / name) for name in ("ca", "cert", "key")))
    address = StoreAddress(Topology.SINGLE, (("r", 6379),), tls=True)
    assert store == SharedStore(Link(address, "ann", "of-the-file", 0.5, tls), "team", 3)
    assert "of-the-file" not in repr(store)


@pytest.mark.parametrize(
    ("store", "problem"),
    [
        ("redis://:se/cret@r", "store.url: should have hosts such as redis-1:6379"),
        ("3", "store: should be memory, or such as redis://host:6379"),
        ("{url: 'redis://r', passwort: x}", "store.passwort: unknown key"),
        (
            "{url: 'redis://r', password: a, password_file: nowhere}",
            "store: takes password or password_file, not both",
        ),
        (
            "{url: 'redis://r', ca_file: nowhere}",
            "store.ca_file: belongs to an address with rediss",
        ),
        ("{url: 'rediss://r', cert_file: c}", "store: takes cert_file and key_file together"),
    ],
)
def test_what_is_wrong_with_a_shared_store_is_told(problems, store, problem):
    found = problems(f"store: {store}\n{ACCOUNTS}")

    assert problem in found
    assert not any("cret" in one for one in found)


def test_all_problems_are_told_at_once_with_their_paths(problems):
    text = """\
listen: 0.0.0.0
store: {url: "redis+sentinel://:secret@a", timeout: 0, ca_file: nowhere}
discovery: {dns: "workers"}
accounts:
  - {name: a, url: "htp://x", concurrency: 0, weight: .nan, token_file: nowhere}
  - {name: a, url: "http://127.0.0.1:1", headers: {x-api-key: "${NO_SUCH}", Host: x}}
  - {name: "b/b", login: {oauth: true, api_key: k}, token: t-1-t-2-t-3-t-4-t-5}
  - {name: c}
timeouts: {drain: -1, dwell: 1}
limits: {body: 32MB}
bogus: 1
"""
    found = problems(text)

    assert [problem.partition(": ")[0] for problem in found] == [
        "accounts[1].headers.x-api-key",
        "listen",
        "store.url",
        "store.ca_file",
        "store.timeout",
        "accounts[0].url",
        "accounts[0].token_file",
        "accounts[0].concurrency",
        "accounts[0].weight",
        "accounts[1].headers.Host",
        "accounts[2].name",
        "discovery.dns",
        "timeouts.drain",
        "timeouts.dwell",
        "limits.body",
        "bogus",
        "accounts[1].name",
        "accounts[2].token",
        "accounts[2].login",
        "accounts[3]",
        "store.ca_file",
    ]
    assert found[0].endswith("the variable NO_SUCH is not set")
    assert found[2].startswith("store.url: needs the name of the master")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "accounts: [{name: a, login: oauth, engine: api}]",
            "accounts[0].engine: api needs a login by api_key",
        ),
        (
            "accounts: [{name: a, login: {api_key: k}, engine: openai}]",
            "accounts[0].engine: openai needs a base_url",
        ),
        ("listen: 0.0.0.0:1\n" + ACCOUNTS, "listen: without clients only a loopback address is"),
        ("clients: []\n" + CLIENTS + ACCOUNTS, "line 2, column 1: key 'clients' stands here twice"),
        (ACCOUNTS + "prices: {gpt: {}}", "prices.gpt: should be 'opus', 'sonnet', 'haiku'"),
        (ACCOUNTS + "prices: {opus: {input: 1, output: -5}}", "prices.opus.output: should be"),
        (ACCOUNTS + "prices: {opus: {input: 1}}", "prices.opus.cache_read: is missing"),
        (ACCOUNTS + "usage: {days: 0}", "usage.days: should be greater than 0"),
        ("accounts: []", "accounts: should name at least one"),
        (CLIENTS, "accounts: is missing"),
        ("accounts: [", "line 1, column 12:"),
        ("- a", "should be a mapping"),
        ("", "should be a mapping"),
        ("a: &a [*a]", "is nested too deeply"),
        (ACCOUNTS + "clients: [{name: a, key: changeme}]", "clients[0].key: is a sample"),
        (
            ACCOUNTS + "clients: [{name: a, key: fifteen-letters}]",
            "clients[0].key: should have 16 char",
        ),
        (ACCOUNTS + "clients: [{name: a}]", "clients[0]: needs one of key, key_hash, key_file"),
        (ACCOUNTS + "clients: [{name: a, key: '${1X}'}]", "clients[0].key: '1X' is not the name"),
        (ACCOUNTS + "clients: [{name: a, key: 'a b'}]", "clients[0].key: should be printable"),
        (ACCOUNTS + "clients: [{name: a, key: 123}]", "clients[0].key: should be a valid string"),
        (
            ACCOUNTS + f"clients: [{{name: a, key_hash: 'sha256:{digest('changeme').hex()}'}}]",
            "clients[0].key_hash: is that of a sample",
        ),
        (
            ACCOUNTS
            + "clients: [{name: a, key: k-1-k-2-k-3-k-4-k-5}, {name: b, key: k-1-k-2-k-3-k-4-k-5}]",
            "clients[1].key: is that of clients[0] already",
        ),
        (
            ACCOUNTS
            + f"clients: [{{name: a, key: {LONG}}}, {{name: b, key_hash: 'sha256:{KEY_HASH}'}}]",
            "clients[1]: has the key of clients[0]",
        ),
        ("accounts: [{name: a, url: 'http://h/a b'}]", "accounts[0].url: should be an address"),
        (
            ACCOUNTS + "admin: {token: t-1-t-2-t-3-t-4-t-5, token_file: f}",
            "admin: takes token or token_file, not both",
        ),
        (
            "accounts: [{name: a, url: 'http://u:p@h'}]",
            "accounts[0].url: should have no credentials",
        ),
        (
            "accounts: [{name: a, url: 'http://h', login: oauth}]",
            "accounts[0]: takes only one of url, login",
        ),
        (
            "accounts: [{name: a, url: 'http://h', engine: api}]",
            "accounts[0].engine: belongs to an account with login",
        ),
        (
            "accounts: [{name: a, login: oauth, cli: {profile: agent, home: /}}]",
            "accounts[0].cli: should leave home to the account and its login",
        ),
    ],
)
def test_what_cannot_be_used_is_told(text, expected, problems):
    assert any(problem.startswith(expected) for problem in problems(text)), problems(text)


def test_no_problem_repeats_a_secret(problems):
    found = problems(
        ACCOUNTS
        + "clients: [{name: a, key: s3cr3t-s3cr3t-s3}, {name: b, key: s3cr3t-s3cr3t-s3, x: s3cr3t}]"
    )

    assert len(found) == 2
    assert "s3cr3t" not in "".join(found)


def test_a_secret_file_open_to_others_is_told_but_used(read, secret):
    file = secret("key", "some-key-of-length-20", mode=0o644)

    settings = read(
        ACCOUNTS + "clients: [{name: a, key_file: key}, {name: b, key: k-1-k-2-k-3-k-4-k-5}]"
    )

    assert settings.warnings == (f"{file} is open to every user of this machine",)
    assert settings.clients[0].digest == digest("some-key-of-length-20")


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(ConfigError, match=r"cannot read /nowhere/x\.yaml: No such file"):
        load(Path("/nowhere/x.yaml"))


def test_bytes_that_are_no_text_are_told(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "x")


def test_workers_may_be_found_by_a_name_alone(read, secret):
    secret("worker", "the-long-worker-secret")
    text = 'discovery: {dns: "workers.internal:9100", token_file: worker, concurrency: 4}'

    found = read(text)

    assert found.accounts == ()
    assert found.discovery == Discovery(
        Address("workers.internal", 9100),
        {"authorization": "Bearer the-long-worker-secret"},
        concurrency=4,
    )
    assert "the-long" not in repr(found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("discovery: {}", "discovery.dns: is missing"),
        ("discovery: {dns: 'workers:0'}", "discovery.dns: should name the port of the workers"),
        ("discovery: {dns: workers}", "discovery.dns: should be host:port"),
        ("discovery: {dns: 'w:1', interval: 0.5}", "discovery.interval: should be greater than"),
        ("discovery: {dns: 'w:1', token: a, token_file: b}", "discovery: takes token or"),
        ("listen: 127.0.0.1:1", "accounts: is missing"),
    ],
)
def test_what_is_wrong_with_discovery_is_told(problems, text, problem):
    assert any(found.startswith(problem) for found in problems(text))


def test_a_disabled_account_is_left_out(read):
    other = "{name: b, url: 'http://127.0.0.1:9102', disabled: true}"

    assert [account.name for account in read(f"{ACCOUNTS[:-2]}, {other}]").accounts] == ["a"]

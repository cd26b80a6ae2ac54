import pytest

from proxy.core.headers import Stamp, to_client, to_worker

STAMP = Stamp(((b"authorization", b"Bearer w"),), b"req-1", b"alice", b"f" * 32)
OURS = [
    (b"authorization", b"Bearer w"),
    (b"x-request-id", b"req-1"),
    (b"x-headgate-client", b"alice"),
    (b"x-headgate-session", b"f" * 32),
]


@pytest.mark.parametrize(
    "header",
    [
        (b"accept", b"text/event-stream"),
        (b"anthropic-beta", b"a,b"),
        (b"anthropic-dangerous-direct-browser-access", b"true"),
        (b"anthropic-version", b"2023-06-01"),
        (b"content-type", b"application/json"),
        (b"openai-beta", b"assistants=v2"),
        (b"user-agent", b"claude-cli/2.1.329"),
        (b"x-app", b"cli"),
        (b"x-stainless-timeout", b"600"),
        (b"x-stainless-helper-method", b"stream"),
    ],
)
def test_a_worker_hears_what_the_client_says_of_its_request_and_itself(header):
    assert to_worker([header], STAMP) == [header, *OURS]


@pytest.mark.parametrize(
    "name",
    [
        b"authorization",
        b"x-api-key",
        b"cookie",
        b"proxy-authorization",
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"keep-alive",
        b"te",
        b"trailer",
        b"upgrade",
        b"expect",
        b"forwarded",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-real-ip",
        b"x-request-id",
        b"x-session-id",
        b"x-claude-code-session-id",
        b"x-headgate-client",
        b"x-headgate-session",
        b"x-headgate-verdict",
        b"x-headgate-max-wait",
        b"accept-encoding",
        b"idempotency-key",
        b"openai-organization",
        b"x-anything",
    ],
)
def test_nothing_else_of_the_clients_gets_through(name):
    assert to_worker([(name, b"forged")], STAMP) == OURS


def test_what_connection_nominates_ends_here_and_our_own_does_not():
    headers = [
        (b"connection", b"close, X-App"),
        (b"x-app", b"cli"),
        (b"connection", b" User-Agent ,authorization,x-request-id"),
        (b"user-agent", b"me"),
        (b"accept", b"*/*"),
    ]

    assert to_worker(headers, STAMP) == [(b"accept", b"*/*"), *OURS]


def test_repeated_headers_keep_their_order():
    headers = [(b"anthropic-beta", b"one"), (b"accept", b"*/*"), (b"anthropic-beta", b"two")]

    assert to_worker(headers, STAMP) == [*headers, *OURS]


@pytest.mark.parametrize("name", [b"x-headgate-steps", b"x-headgate-strict"])
def test_what_a_client_wishes_is_told_to_our_own_workers_only(name):
    wish = (name, b"1")
    plain = Stamp((), b"r", b"alice", plain=True)

    assert to_worker([wish], STAMP) == [wish, *OURS]
    assert to_worker([wish], plain) == [(b"x-request-id", b"r")]


def test_a_plain_api_is_told_neither_session_nor_client():
    stamp = Stamp(((b"x-api-key", b"k"),), b"req-1", b"alice", b"f" * 32, plain=True)

    assert to_worker([], stamp) == [(b"x-api-key", b"k"), (b"x-request-id", b"req-1")]


def test_what_an_account_sets_replaces_the_clients():
    stamp = Stamp(((b"anthropic-version", b"2023-06-01"),), b"r", b"alice", plain=True)

    assert to_worker([(b"anthropic-version", b"1999-01-01")], stamp) == [
        (b"anthropic-version", b"2023-06-01"),
        (b"x-request-id", b"r"),
    ]


def test_a_request_without_a_session_says_nothing_of_one():
    assert b"x-headgate-session" not in dict(to_worker([], Stamp((), b"r", b"alice")))


def test_a_client_hears_what_its_answer_is():
    headers = [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache"),
        (b"content-encoding", b"gzip"),
        (b"x-headgate-estimate", b"1"),
        (b"x-headgate-ignored", b"seed"),
    ]

    assert to_client(headers) == headers


@pytest.mark.parametrize(
    "name",
    [
        b"anthropic-ratelimit-unified-status",
        b"anthropic-ratelimit-requests-limit",
        b"anthropic-organization-id",
        b"x-ratelimit-limit-requests",
        b"retry-after",
        b"request-id",
        b"x-request-id",
        b"set-cookie",
        b"server",
        b"connection",
        b"transfer-encoding",
        b"content-length",
        b"trailer",
        b"location",
        b"www-authenticate",
        b"x-headgate-verdict",
        b"x-headgate-until",
    ],
)
def test_what_concerns_the_account_alone_stays_from_the_client(name):
    assert to_client([(name, b"x")]) == []


def test_what_an_upstream_nominates_ends_here_too():
    assert to_client([(b"connection", b"Cache-Control"), (b"cache-control", b"no-cache")]) == []

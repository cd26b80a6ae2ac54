from proxy.core.account import Account, AccountName, ModelFamily
from proxy.http1.framing import parse_request_head
from proxy.pool import Call
from proxy.ways import way_to

HEAD = parse_request_head(
    b"POST /v1/messages?beta=true&x=%2F HTTP/1.1\r\n"
    b"host: headgate.example\r\n"
    b"x-api-key: the-clients-own\r\n"
    b"connection: x-secret, keep-alive\r\n"
    b"x-secret: hop\r\n"
    b"x-headgate-session: forged\r\n"
    b"anthropic-version: 2023-06-01\r\n"
    b"user-agent: test/1\r\n"
    b"content-length: 2\r\n\r\n"
)
CALL = Call(request_id="req_1", client="alice", session="ab12", family=ModelFamily("sonnet"))


def sent(account, call=CALL):
    """The head as a worker reads it: the request line, and its headers."""
    raw = way_to(account).request(HEAD, call, 2)
    return parse_request_head(raw)


def account(**fields):
    return Account(AccountName("ann"), **{"url": "http://10.1.2.3:9100", **fields})


def test_the_target_passes_as_it_came_and_the_host_is_the_workers():
    head = sent(account())

    assert (head.method, head.target) == ("POST", b"/v1/messages?beta=true&x=%2F")
    assert head.get(b"host") == b"10.1.2.3:9100"
    assert head.length == 2


def test_a_worker_is_told_who_asks_and_in_which_session():
    head = sent(account(headers={"Authorization": "Bearer worker-token"}))

    assert head.get_all(b"authorization") == [b"Bearer worker-token"]
    assert head.get(b"x-headgate-client") == b"alice"
    assert head.get_all(b"x-headgate-session") == [b"ab12"]
    assert head.get(b"x-request-id") == b"req_1"


def test_neither_credentials_nor_hop_by_hop_headers_pass():
    head = sent(account())

    assert head.get(b"x-api-key") is None
    assert head.get(b"x-secret") is None
    assert head.get(b"user-agent") == b"test/1"


def test_a_plain_messages_api_gets_its_key_and_nothing_of_ours():
    head = sent(account(plain=True, headers={"x-api-key": "its-key"}))

    assert head.get_all(b"x-api-key") == [b"its-key"]
    assert head.get(b"x-headgate-client") is head.get(b"x-headgate-session") is None


def test_a_url_with_a_path_goes_before_the_target():
    head = sent(account(url="http://10.1.2.3/claude/"))

    assert head.target == b"/claude/v1/messages?beta=true&x=%2F"
    assert head.get(b"host") == b"10.1.2.3"


def test_a_request_without_a_session_names_none():
    call = Call(request_id="req_1", client="alice", session=None, family=ModelFamily("other"))

    assert sent(account(), call).get(b"x-headgate-session") is None

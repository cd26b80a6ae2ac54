import json

import pytest

from proxy.core.dialect import PING, Dialect, dialect_of, error_body, sse_error
from proxy.core.sse import StreamScanner


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        (b"/v1/messages", Dialect.MESSAGES),
        (b"/v1/messages/count_tokens", Dialect.MESSAGES),
        (b"/v1/models", Dialect.MESSAGES),
        (b"/", Dialect.MESSAGES),
        (b"/v1/chat/completions", Dialect.CHAT),
        (b"/v1/responses", Dialect.RESPONSES),
        (b"/v1/responses/resp_1", Dialect.RESPONSES),
    ],
)
def test_a_path_speaks_a_dialect(path, dialect):
    assert dialect_of(path) is dialect


def test_an_error_in_the_messages_api_names_the_request():
    body = error_body(Dialect.MESSAGES, "api_error", 'a "message"', "req_1")

    assert json.loads(body) == {
        "type": "error",
        "error": {"type": "api_error", "message": 'a "message"'},
        "request_id": "req_1",
    }


@pytest.mark.parametrize("dialect", [Dialect.CHAT, Dialect.RESPONSES])
def test_an_error_in_openais_dialects_has_its_four_fields(dialect):
    body = error_body(dialect, "rate_limit_error", "m", "req_1")

    assert json.loads(body) == {
        "error": {"message": "m", "type": "rate_limit_error", "param": None, "code": None}
    }


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "cut_off", [b"", b"event: content_bl", b'data: {"type":"co', b"event: x\n"]
)
def test_an_error_in_a_stream_is_heard_wherever_the_stream_broke(dialect, cut_off):
    scanner = StreamScanner(dialect)
    scanner.feed(cut_off + sse_error(dialect, "api_error", "It broke."))

    assert scanner.failure is not None
    assert b"It broke." in scanner.failure
    assert not scanner.terminal
    assert scanner.between_events


@pytest.mark.parametrize("dialect", Dialect)
def test_a_ping_says_nothing(dialect):
    scanner = StreamScanner(dialect)
    scanner.feed(PING)

    assert (scanner.content, scanner.terminal, scanner.failure) == (False, False, None)
    assert scanner.between_events

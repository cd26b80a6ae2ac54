import pytest

from proxy.core.dialect import Dialect
from proxy.core.events import CONTENT, FAILURE, NOTHING, Finding, meaning
from proxy.core.usage import CacheDetails, Tokens

MESSAGES, CHAT, RESPONSES = Dialect


@pytest.mark.parametrize(
    ("dialect", "name", "data", "expected"),
    [
        (MESSAGES, b"ping", b'{"type":"ping"}', NOTHING),
        (MESSAGES, b"content_block_stop", b"{}", NOTHING),
        (MESSAGES, b"content_block_delta", b"cut short", CONTENT),
        (MESSAGES, b"error", b"", FAILURE),
        # The name that a stream gives goes before the type in its data.
        (MESSAGES, b"ping", b'{"type":"error"}', NOTHING),
        (MESSAGES, b"", b'{"type":"error"}', FAILURE),
        (MESSAGES, b"", b'{"type":7}', NOTHING),
        (MESSAGES, b"", b"\xff", NOTHING),
        (MESSAGES, b"message_stop", b"", Finding(content=True, terminal=True)),
        (MESSAGES, b"message_start", b'{"message":{"content":[]}}', NOTHING),
        (MESSAGES, b"message_start", b"cut short", NOTHING),
        (
            MESSAGES,
            b"message_delta",
            b'{"usage":{"output_tokens":3}}',
            Finding(content=True, tokens=Tokens(output_tokens=3)),
        ),
        (CHAT, b"", b"[DONE]", Finding(terminal=True)),
        (CHAT, b"", b' {"choices":[]}', NOTHING),
        (CHAT, b"", b'{"error":null,"choices":[{"delta":{"content":"x"}}]}', CONTENT),
        (CHAT, b"", b'{"error":"out"}', FAILURE),
        (CHAT, b"", b'{"choices":[{"delta":null}]}', NOTHING),
        (CHAT, b"", b'{"choices":[{"delta":{"content":"cut sho', CONTENT),
        (CHAT, b"", b"what?", NOTHING),
        (RESPONSES, b"response.in_progress", b"{}", NOTHING),
        (RESPONSES, b"", b'{"type":"response.output_text.delta"}', CONTENT),
        (RESPONSES, b"response.failed", b"{}", Finding(content=True, terminal=True)),
        (
            RESPONSES,
            b"response.completed",
            b'{"response":{"usage":{"input_tokens":3,"output_tokens_details":{}}}}',
            Finding(content=True, terminal=True, tokens=Tokens(input_tokens=3)),
        ),
        # Of a long one only the beginning is known.
        (
            RESPONSES,
            b"response.incomplete",
            (
                b'{"response":{"usage":{"input_tokens_details":{"cached_tokens":2},'
                b'"output_tokens":3},"output":[{"text":"cut sho'
            ),
            Finding(
                content=True,
                terminal=True,
                tokens=Tokens(output_tokens=3, input_tokens_details=CacheDetails(2)),
            ),
        ),
        (
            RESPONSES,
            b"response.completed",
            b'{"response":{"usage":null,"output":[{"text":"' + b"x" * 1024 + b'"usage":{"a":1}',
            Finding(content=True, terminal=True),
        ),
        (RESPONSES, b"error", b'{"code":"x"}', FAILURE),
    ],
)
def test_what_an_event_means(dialect, name, data, expected):
    assert meaning(dialect, name, data) == expected

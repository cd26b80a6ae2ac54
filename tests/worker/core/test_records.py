import pytest

from worker.core.records import Assistant, RateLimit, Result, StreamEvent, System, decode_record


def test_an_event_is_kept_as_it_came():
    line = b'{"type":"stream_event","event":{"type":"x","text":"\\u00e9"},"uuid":"1"}'

    record = decode_record(line)

    assert isinstance(record, StreamEvent)
    assert bytes(record.event) == b'{"type":"x","text":"\\u00e9"}'


def test_the_order_of_keys_does_not_matter():
    record = decode_record(b'{"num_turns":2,"is_error":true,"usage":{},"type":"result"}')

    assert record == Result(is_error=True, num_turns=2)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"type":"assistant","message":{},"error":"rate_limit"}', Assistant),
        (b'{"type":"system","subtype":"init","tools":[]}', System),
        (b'{"type":"rate_limit_event","rate_limit_info":{"status":"allowed"}}', RateLimit),
    ],
)
def test_records_are_known_by_their_type(line, kind):
    assert isinstance(decode_record(line), kind)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"warning: something",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b'{"type":"invented","message":{}}',
        b'{"type":"invented_tomorrow"}',
        b'{"type":["result"]}',
        b'{"type":"assistant","error":{"not":"a word"}}',
    ],
)
def test_what_we_do_not_know_is_passed_over(line):
    assert decode_record(line) is None


def test_a_result_that_we_cannot_read_ends_its_turn_as_a_failure():
    assert decode_record(b'{"type":"result","num_turns":"two"}') == Result(is_error=True)

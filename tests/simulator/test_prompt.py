import msgspec
import pytest

from simulator.errors import ApiError
from simulator.prompt import read_request, sign

CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}


def raw(*messages, **fields):
    body = {"model": "claude-sonnet-5-5", "max_tokens": 10, "messages": list(messages), **fields}
    return msgspec.json.encode(body)


def user(content):
    return {"role": "user", "content": content}


def text(value, **fields):
    return {"type": "text", "text": value, **fields}


def test_the_last_user_message_is_found_behind_a_system_message():
    request = read_request(raw(user("first"), user("last"), {"role": "system", "content": "env"}))

    assert request.last_user().text() == "last"


def test_what_a_program_put_beside_the_persons_text_is_not_the_persons_text():
    request = read_request(raw(user([text("<system-reminder>x</system-reminder>"), text("hi")])))

    assert request.last_user().text() == "hi"


def test_unknown_fields_and_unknown_blocks_are_accepted():
    odd = {"type": "mystery", "content": {"a": 1}, "x": None}
    request = read_request(raw(user([odd, text("hi")]), context_management={"edits": []}))

    assert request.last_user().text() == "hi"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (user("hi"), user([text("hi")])),
        (user([text("hi")]), user([text("hi", cache_control={"type": "ephemeral"})])),
        ({"role": "user", "content": "hi"}, {"content": "hi", "role": "user"}),
    ],
)
def test_segments_are_the_same_however_the_content_is_written(one, other):
    assert list(read_request(raw(one)).segments()) == list(read_request(raw(other)).segments())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{" * 5000, 400),
        (b"[" * 100_000, 400),
        (raw(), 400),
        (raw({"role": "assistant", "content": "hi"}), 400),
        (raw(user("hi"), max_tokens=0), 400),
        (raw(user("hi"), max_tokens=None), 400),
        (raw(user("hi"), model="gpt-x"), 404),
        # A result of a call that was never made, and a thought that was changed on the way.
        (raw(user([RESULT])), 400),
        (
            raw(
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "a"}]}, user("x")
            ),
            400,
        ),
    ],
)
def test_what_is_not_valid_is_refused(body, status):
    with pytest.raises(ApiError) as caught:
        read_request(body)

    assert caught.value.status == status


def test_calls_results_and_signed_thoughts_come_back_unharmed():
    thought = {"type": "thinking", "thinking": "a", "signature": sign("a")}
    body = raw(user("x"), {"role": "assistant", "content": [thought, CALL]}, user([RESULT]))

    assert read_request(body).last_user().blocks()[0].texts() == "x"


def test_counting_needs_no_max_tokens():
    assert read_request(raw(user("hi"), max_tokens=None), counting=True).max_tokens is None

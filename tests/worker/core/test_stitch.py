import json

import pytest

from worker.core.frames import Answer
from worker.core.records import decode_record
from worker.core.stitch import Stitch, added
from worker.core.tools import Toolbox
from worker.core.verdict import Kind

LOOK = Toolbox([{"name": "look"}])
NOW = 1_790_000_000.0


def streamed(kind: str, **fields: object) -> dict:
    return {"type": "stream_event", "event": {"type": kind, **fields}}


def start(**usage: int) -> dict:
    return streamed("message_start", message={"id": "m", "content": [], "usage": usage})


def text(index: int, words: str) -> list[dict]:
    delta = {"type": "text_delta", "text": words}
    return block(index, {"type": "text", "text": ""}, delta)


def call(index: int, name: str) -> list[dict]:
    empty = {"type": "tool_use", "id": f"t{index}", "name": name, "input": {}}
    return block(index, empty, {"type": "input_json_delta", "partial_json": '{"a":1}'})


def block(index: int, content: dict, delta: dict) -> list[dict]:
    return [
        streamed("content_block_start", index=index, content_block=content),
        streamed("content_block_delta", index=index, delta=delta),
        streamed("content_block_stop", index=index),
    ]


def end(reason: str | None, **usage: int) -> list[dict]:
    ending = streamed("message_delta", delta={"stop_reason": reason}, usage=usage)
    return [ending, streamed("message_stop")]


def ran(call_id: str, content: object, **more: object) -> dict:
    result = {"type": "tool_result", "tool_use_id": call_id, "content": content, **more}
    return {"type": "user", "message": {"content": [result]}}


def result(**fields: object) -> dict:
    return {"type": "result", "num_turns": 1, **fields}


def play(*records: dict | list[dict], include: bool = False) -> tuple[Answer, list[dict]]:
    answer = Answer(LOOK, Stitch(LOOK, include=include))
    shown = []
    for record in records:
        for one in record if isinstance(record, list) else [record]:
            if not answer.done:
                shown += answer.feed(decode_record(json.dumps(one).encode()), NOW)
    return answer, [json.loads(frame.data) for frame in shown]


def starts(events: list[dict]) -> list[tuple[int, str]]:
    found = [event for event in events if event["type"] == "content_block_start"]
    return [(event["index"], event["content_block"]["type"]) for event in found]


STEP = [start(input_tokens=5), text(0, "Let me see."), call(1, "Bash"), end("tool_use")]
LAST = [start(input_tokens=7), text(0, "Done."), end("end_turn", output_tokens=2)]


def test_two_steps_are_one_message_without_the_calls():
    answer, events = play(*STEP, ran("t1", "out"), *LAST, result())

    kinds = [event["type"] for event in events]
    assert (kinds.count("message_start"), kinds[-2:]) == (1, ["message_delta", "message_stop"])
    assert starts(events) == [(0, "text"), (1, "text")]
    assert [e["index"] for e in events if e["type"] == "content_block_stop"] == [0, 1]
    assert events[-2]["usage"] == {"input_tokens": 12, "output_tokens": 2}
    assert (answer.done, answer.reusable) == (True, True)
    assert [block["text"] for block in answer.content] == ["Let me see.", "Done."]


def test_who_asks_gets_the_steps_with_their_results_between_them():
    failed = ran("t1", [{"type": "text", "text": "no"}, {"type": "image"}], is_error=True)
    _, events = play(*STEP, failed, *LAST, result(), include=True)

    told = [event.get("content_block") for event in events]
    assert starts(events) == [
        (0, "text"),
        (1, "mcp_tool_use"),
        (2, "mcp_tool_result"),
        (3, "text"),
    ]
    assert {
        "type": "mcp_tool_use",
        "id": "t1",
        "name": "Bash",
        "server_name": "claude-code",
        "input": {},
    } in told
    assert {
        "type": "mcp_tool_result",
        "tool_use_id": "t1",
        "is_error": True,
        "content": [{"type": "text", "text": "no"}],
    } in told


def test_a_tool_of_a_server_is_told_as_that_servers():
    _, events = play(start(), call(0, "mcp__files__find_all"), end("tool_use"), include=True)

    told = events[1]["content_block"]
    assert (told["server_name"], told["name"]) == ("files", "find_all")


def test_a_result_that_comes_within_a_message_waits_for_its_end():
    """The CLI runs a tool while the message that calls it is still being said."""
    first, second = call(0, "Read"), call(1, "Read")
    _, events = play(
        start(), first, second[:1], ran("t0", "x"), second[1:], end("tool_use"), include=True
    )
    _, followed = play(
        start(), first, second[:1], ran("t0", "x"), second[1:], end("tool_use"), *LAST, include=True
    )

    assert starts(events) == [(0, "mcp_tool_use"), (1, "mcp_tool_use")]
    assert starts(followed)[2:] == [(2, "mcp_tool_result"), (3, "text")]


def test_a_call_of_the_clients_own_ends_the_message_whatever_else_it_calls():
    mixed = [start(), call(0, "Bash"), call(1, "mcp__c__look"), end("tool_use")]
    answer, events = play(*mixed, ran("t0", "out"), result(terminal_reason="tool_deferred"))

    assert starts(events) == [(0, "tool_use")]
    assert events[1]["content_block"]["name"] == "look"
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert answer.reusable


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (result(is_error=True, terminal_reason="max_turns"), "pause_turn"),
        # A hook of the operator's may end a turn after a tool.
        (result(terminal_reason="hook_stopped"), "end_turn"),
    ],
)
def test_a_turn_that_the_cli_gives_up_within_its_steps_has_an_end(ending, reason):
    answer, events = play(*STEP, ran("t1", "out"), ending)

    assert events[-2]["delta"]["stop_reason"] == reason
    assert events[-1]["type"] == "message_stop"
    assert answer.failure is None


def test_a_step_that_the_provider_refuses_is_a_failure_of_a_turn_that_began():
    answer, events = play(*STEP, ran("t1", "out"), result(is_error=True, api_error_status=529))

    assert answer.failure.verdict.kind is Kind.OVERLOADED
    assert answer.failure.verdict.started
    assert "message_stop" not in [event["type"] for event in events]


def test_a_message_cut_off_by_max_tokens_ends_there():
    answer, events = play(start(), text(0, "so"), end("max_tokens", output_tokens=1), *LAST)

    assert [event["type"] for event in events].count("message_stop") == 1
    assert events[-2]["delta"]["stop_reason"] == "max_tokens"
    assert (answer.done, answer.reusable) == (True, False)


@pytest.mark.parametrize(
    "records",
    [
        [start(), text(0, "so"), end(None), result(is_error=True)],
        [start(), text(0, "so"), start()],
        [start(), text(0, "so"), end(None)[:1], start()],
    ],
)
def test_a_stream_that_breaks_has_no_end(records):
    answer, events = play(*records)

    assert answer.failure.verdict.kind is Kind.WORKER_ERROR
    assert "message_stop" not in [event["type"] for event in events]


def test_the_answer_may_begin_when_a_tool_does():
    """A tool may run for minutes before there is a word of text."""
    answer, events = play(start(), call(0, "Bash")[:1])

    assert [event["type"] for event in events] == ["message_start"]
    assert not answer.done


def test_a_tool_is_waited_for_longer_than_a_word():
    working, _ = play(*STEP)
    speaking, _ = play(*STEP, ran("t1", "out"), LAST[0])

    assert working.works
    assert not speaking.works


def test_hidden_calls_of_the_cli_are_counted_too():
    used = {"inputTokens": 20, "outputTokens": 9, "cacheReadInputTokens": 4}
    told = {"claude-a": used, "claude-b": {"inputTokens": 1}}
    _, events = play(*STEP, ran("t1", "out"), *LAST, result(model_usage_since_last_result=told))

    assert events[-2]["usage"] == {
        "input_tokens": 21,
        "output_tokens": 9,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 0,
    }


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 3, "b": 3}),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, {"a": {"b": 3}}),
        ({"tier": "standard"}, {"tier": "batch"}, {"tier": "batch"}),
        ({"a": 1}, {"a": None}, {"a": 1}),
    ],
)
def test_usages_are_added_up(one, other, expected):
    assert added(one, other) == expected

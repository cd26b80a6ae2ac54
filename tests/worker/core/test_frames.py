import json

import pytest

from tests.worker.recorded import FAILURES, RECORDINGS, RESET
from worker.core.failure import broken
from worker.core.frames import Answer, Frame
from worker.core.records import decode_record
from worker.core.state import Window
from worker.core.tools import Toolbox
from worker.core.verdict import Kind, Verdict

NOW = 1_789_990_000.0
LOOK = Toolbox([{"name": "look"}])


def play(answer: Answer, *lines: bytes) -> list[Frame]:
    shown = []
    for line in lines:
        if record := decode_record(line):
            shown += answer.feed(record, NOW)
        if answer.done:
            break
    return shown


def recorded(name: str) -> list[bytes]:
    return (RECORDINGS / f"{name}.jsonl").read_bytes().splitlines()


def streamed(kind: str, **fields: object) -> bytes:
    event = {"type": kind, **fields}
    return json.dumps({"type": "stream_event", "event": event}).encode()


def delta(text: str) -> bytes:
    return streamed("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def ending(reason: str | None) -> bytes:
    return streamed("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 1})


START = streamed("message_start", message={"id": "m", "content": [], "usage": {}})
BLOCK = streamed("content_block_start", index=0, content_block={"type": "text", "text": ""})
STOP = streamed("message_stop")
RESULT = b'{"type":"result","is_error":false,"num_turns":1}'


def names(frames: list[Frame]) -> list[str]:
    return [frame.name for frame in frames]


def test_an_answer_is_the_providers_events_and_may_be_gone_on_with():
    answer = Answer(Toolbox())
    shown = play(answer, *recorded("answered"))

    texts = [json.loads(f.data)["delta"]["text"] for f in shown if "block_delta" in f.name]
    assert (answer.done, answer.reusable, answer.failure) == (True, True, None)
    assert names(shown)[:2] == ["message_start", "content_block_start"]
    assert names(shown)[-1] == "message_stop"
    assert answer.content == [{"type": "text", "text": "".join(texts)}]
    assert answer.windows == (
        Window("five_hour", answer.windows[0].utilization, RESET),
        Window("seven_day", answer.windows[1].utilization, RESET),
    )


def test_tools_come_under_the_clients_names():
    answer = Answer(LOOK)
    shown = play(answer, *recorded("tools"))

    starts = [json.loads(f.data)["content_block"] for f in shown if "block_start" in f.name]
    assert answer.reusable
    assert [block["name"] for block in starts] == ["look", "look"]
    assert [block["input"] for block in answer.content] == [{"at": "a"}, {"at": "b"}]


@pytest.mark.parametrize("offered", [["mcp__c__look"], ["Bash", "mcp__c__look"]])
def test_a_turn_in_which_the_cli_offers_every_tool_goes_on(offered):
    answer = Answer(LOOK)
    play(answer, json.dumps({"type": "system", "subtype": "init", "tools": offered}).encode())

    assert not answer.done


@pytest.mark.parametrize("offered", [[], ["look"], ["mcp__c__touch"]])
def test_a_turn_in_which_the_cli_leaves_a_tool_out_is_ended_before_it_misleads(offered):
    answer = Answer(LOOK)
    play(answer, json.dumps({"type": "system", "subtype": "init", "tools": offered}).encode())

    assert (answer.done, answer.reusable) == (True, False)
    assert answer.failure.verdict == Verdict(Kind.CLIENT_ERROR)
    assert (answer.failure.status, answer.failure.kind) == (400, "invalid_request_error")
    assert answer.failure.message == "tools: the CLI does not take look"


def test_a_call_of_a_tool_that_nobody_offered_ends_the_turn_at_once():
    answer = Answer(Toolbox())
    shown = play(answer, *recorded("tools"))

    assert (answer.done, answer.reusable, answer.failure) == (True, False, None)
    assert names(shown)[-2:] == ["message_delta", "message_stop"]


def test_max_tokens_ends_the_turn_before_the_cli_goes_on():
    answer = Answer(Toolbox())
    shown = play(answer, START, BLOCK, delta("a"), ending("max_tokens"))

    assert (answer.done, answer.reusable, answer.failure) == (True, False, None)
    assert names(shown)[-2:] == ["message_delta", "message_stop"]


def test_nothing_is_shown_before_the_first_content():
    answer = Answer(Toolbox())

    assert play(answer, START, streamed("ping"), BLOCK) == []
    assert len(play(answer, delta("a"))) == 4


def test_the_end_is_shown_when_the_process_rests():
    answer = Answer(Toolbox())
    shown = play(answer, START, BLOCK, delta("a"), ending("end_turn"), STOP)

    assert not answer.done
    assert names(shown)[-1] == "message_delta"
    assert names(play(answer, RESULT)) == ["message_stop"]
    assert answer.reusable


@pytest.mark.parametrize("after", [START, b'{"type":"result","is_error":true}'])
def test_what_comes_after_a_whole_message_cannot_spoil_it_but_ends_the_process(after):
    answer = Answer(Toolbox())
    shown = play(answer, START, BLOCK, delta("a"), ending("end_turn"), STOP, after)

    assert names(shown)[-1] == "message_stop"
    assert (answer.failure, answer.reusable) == (None, False)


@pytest.mark.parametrize(
    "lines",
    [
        (START, BLOCK, delta("a"), STOP),
        (START, BLOCK, delta("a"), ending(None), STOP),
        (START, BLOCK, delta("a"), START),
    ],
)
def test_an_end_without_a_stop_reason_is_the_clis_invention(lines):
    answer = Answer(Toolbox())
    shown = play(answer, *lines)

    assert answer.failure.verdict == Verdict(Kind.WORKER_ERROR, started=True)
    assert "message_stop" not in names(shown)


def test_a_process_that_dies_after_the_message_takes_nothing_from_it():
    answer = Answer(Toolbox())
    play(answer, START, BLOCK, delta("a"), ending("end_turn"), STOP)
    shown = answer.cut_short(broken("gone", started=True))

    assert names(list(shown)) == ["message_stop"]
    assert (answer.failure, answer.reusable) == (None, False)


def test_a_process_that_dies_before_the_end_is_a_failure():
    answer = Answer(Toolbox())
    play(answer, START, BLOCK, delta("a"))

    assert answer.cut_short(broken("gone", started=True)) == ()
    assert answer.failure == broken("gone", started=True)


def test_records_of_a_subagent_are_none_of_the_answers():
    answer = Answer(Toolbox())
    line = json.loads(delta("a")) | {"parent_tool_use_id": "toolu_1"}

    assert play(answer, START, BLOCK, json.dumps(line).encode()) == []


@pytest.mark.parametrize("name", FAILURES)
def test_what_the_cli_wrote_of_a_failure_gets_its_verdict(name):
    verdict, status, kind = FAILURES[name]
    answer = Answer(Toolbox())
    play(answer, *recorded(name))

    assert answer.done
    assert answer.failure.verdict == verdict
    assert (answer.failure.status, answer.failure.kind) == (status, kind)


def test_only_the_clients_own_fault_is_told_in_the_providers_words():
    answers = {name: Answer(Toolbox()) for name in ("fault_400", "fault_too_long", "fault_500")}
    for name, answer in answers.items():
        play(answer, *recorded(name))

    assert [answer.failure.message for answer in answers.values()] == [
        "messages: the request is not valid",
        "prompt is too long",
        "The provider failed to answer.",
    ]

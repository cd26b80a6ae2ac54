import pytest

from simulator.answers import answer_to, pieces
from simulator.prompt import Block, Choice, Message, Request, Tool


def answer(said, **fields):
    fields = {"max_tokens": 1000, **fields}
    return answer_to(Request("claude-sonnet-5-5", [Message("user", said)], **fields), 24)


def bodies(result):
    return [(part.type, part.body) for part in result.parts]


@pytest.mark.parametrize("text", ["", "a b", "  lead and trail  ", "x" * 50, "né\n\n 雪"])
def test_pieces_add_up_to_the_text(text):
    assert "".join(pieces(text)) == text


def test_an_answer_is_as_many_tokens_long_as_asked():
    assert answer("tell me").output_tokens == 24


def test_max_tokens_cuts_the_text_and_says_so():
    cut = answer("say: one two three", max_tokens=2)

    assert bodies(cut) == [("text", "one two")]
    assert (cut.stop_reason, cut.output_tokens) == ("max_tokens", 2)


def test_the_earliest_stop_sequence_ends_the_text():
    stopped = answer("say: one two three", stop_sequences=["three", "two", "nine"])

    assert bodies(stopped) == [("text", "one ")]
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "two")


@pytest.mark.parametrize(
    ("mode", "said", "thinks"),
    [
        (None, "hi [[sim:think]]", False),
        (Choice("disabled"), "hi [[sim:think]]", False),
        (Choice("enabled"), "hi", True),
        (Choice("adaptive"), "hi", False),
        (Choice("adaptive"), "hi [[sim:think]]", True),
    ],
)
def test_it_thinks_where_the_request_and_the_prompt_want_it(mode, said, thinks):
    assert (answer(said, thinking=mode).parts[0].type == "thinking") is thinks


def test_parallel_calls_are_made_to_the_tools_that_are_offered():
    tools = [Tool("read"), Tool("mcp__files__write")]
    said = 'go [[sim:tool=read {"p":1}]] [[sim:tool=write]] [[sim:tool=absent]]'
    result = answer(said, tools=tools)

    assert [part.type for part in result.parts] == ["text", "tool_use", "tool_use"]
    assert [part.name for part in result.parts[1:]] == ["read", "mcp__files__write"]
    assert result.parts[1].content()["input"] == {"p": 1}
    assert len({part.id for part in result.parts}) == 3
    assert result.stop_reason == "tool_use"


def test_calls_in_steps_follow_each_others_results():
    said = "go [[sim:tool=read]] [[sim:tool=read step=2]] [[sim:tool=read step=3]]"
    messages = [Message("user", said)]
    made = []
    for _ in range(4):
        result = answer_to(Request("claude-x", messages, max_tokens=99, tools=[Tool("read")]), 24)
        blocks = [Block(part.type, id=part.id, text=part.body) for part in result.parts]
        calls = [block for block in blocks if block.type == "tool_use"]
        results = [Block("tool_result", tool_use_id=b.id, content="it") for b in calls]
        messages += [Message("assistant", blocks), Message("user", results)]
        made.append((result.stop_reason, len(calls)))

    assert made == [("tool_use", 1)] * 3 + [("end_turn", 0)]


def test_without_the_tool_there_is_only_text():
    result = answer("[[sim:tool=read]]")

    assert [part.type for part in result.parts] == ["text"]
    assert result.stop_reason == "end_turn"

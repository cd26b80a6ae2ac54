import pytest

from worker.core.history import Utterance, cli_blocks, conversation_of, turns_of
from worker.core.prompt import Prompt, RawMessage
from worker.errors import BadRequestError

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "a", "on": "b"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}
TOOL = {"name": "look", "description": "Look.", "input_schema": {"type": "object"}}


def text(words: str, **more: object) -> dict[str, object]:
    return {"type": "text", "text": words, **more}


def prompt(*messages: tuple[str, object], **fields: object) -> Prompt:
    said = [RawMessage(role, content) for role, content in messages]
    return Prompt(model="claude-x", messages=said, **fields)


def remembered(*messages: tuple[str, object], client: str = "alice", **fields: object) -> bytes:
    return conversation_of(client, prompt(*messages, ("user", "next"), **fields)).memory


HELLO = (("user", "hello"), ("assistant", "hi there"))


def test_the_answer_sent_back_leads_to_the_process_that_gave_it():
    first = conversation_of("alice", prompt(("user", "hello")))
    answer = [
        {"type": "thinking", "thinking": "hm", "signature": "x"},
        text("hi there"),
        CALL,
    ]
    back = ("assistant", [text("hi there", cache_control={"type": "ephemeral"}), CALL])
    second = conversation_of("alice", prompt(("user", [text("hello")]), back, ("user", [RESULT])))

    assert first.continued(answer) == second.memory


@pytest.mark.parametrize(
    "same",
    [
        (("user", [text("hello")]), ("assistant", [text("hi there")])),
        (("user", [text("hello", cache_control={"type": "ephemeral"})]), HELLO[1]),
        (("user", [{"text": "hello", "type": "text"}]), HELLO[1]),
        (("user", "hello"), ("assistant", "hi there\n")),
        (("user", "hello"), ("assistant", [text("hi "), text("there")])),
        (("user", "hello"), ("assistant", "hi "), ("assistant", "there")),
        (
            ("user", "hello"),
            ("assistant", [{"type": "thinking", "thinking": "x"}, text("hi there")]),
        ),
    ],
)
def test_what_means_the_same_is_the_same_conversation(same):
    assert remembered(*same) == remembered(*HELLO)


def test_two_folders_of_one_client_share_no_process():
    asked = prompt(("user", "hello"))
    memories = {conversation_of("alice", asked, place).memory for place in ("", "one", "two")}

    assert len(memories) == 3


def test_steps_that_a_client_sends_back_are_no_part_of_what_was_said():
    steps = [{"type": "mcp_tool_use", "id": "t"}, {"type": "mcp_tool_result", "tool_use_id": "t"}]
    told = ("assistant", [text("one"), *steps, text("two")])
    untold = ("assistant", [text("one"), text("two")])

    assert remembered(("user", "a"), told) == remembered(("user", "a"), untold)
    assert len(cli_blocks(Utterance(*told))) == 2


@pytest.mark.parametrize(
    ("messages", "fields"),
    [
        ((("user", "hello!"), HELLO[1]), {}),
        ((("user", "hello "), HELLO[1]), {}),
        ((HELLO[0], ("assistant", "hi")), {}),
        ((("user", [text("hello"), IMAGE]), HELLO[1]), {}),
        (HELLO, {"client": "bob"}),
        (HELLO, {"system": "Be brief."}),
        (HELLO, {"tools": [TOOL]}),
        ((), {}),
    ],
)
def test_what_means_something_else_is_another_conversation(messages, fields):
    assert remembered(*messages, **fields) != remembered(*HELLO)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"citations": ["a"]}, {"citations": ["b"]}),
        ({"cache_control": "on"}, {}),
        ({"content": "x"}, {"content": [text("x")]}),
        ({"of": {"citations": 1}}, {"of": {}}),
    ],
)
def test_the_input_of_a_tool_is_compared_to_the_letter(said, meant):
    one, other = (
        remembered(("user", "hello"), ("assistant", [CALL | {"input": given}]))
        for given in (said, meant)
    )

    assert one != other


def test_results_of_tools_are_the_same_in_short_and_in_long_form():
    long = RESULT | {"content": [text("seen", cache_control={"type": "ephemeral"})]}
    call = (("user", "hello"), ("assistant", [CALL]))

    assert remembered(*call, ("user", [RESULT]), ("assistant", "ok")) == remembered(
        *call, ("user", [long]), ("assistant", "ok")
    )


def test_system_blocks_are_the_same_with_and_without_marks():
    marked = [text("Be brief.", cache_control={"type": "ephemeral"})]

    assert remembered(*HELLO, system=marked) == remembered(*HELLO, system="Be brief.")


def test_one_side_that_speaks_twice_has_one_turn():
    turns = turns_of(
        [RawMessage("user", "a"), RawMessage("user", [text("b")]), RawMessage("assistant", "c")]
    )

    assert turns == [
        Utterance("user", [text("a"), text("b")]),
        Utterance("assistant", [text("c")]),
    ]


def test_a_system_message_joins_the_user_turn_before_it():
    turns = turns_of([RawMessage("user", "a"), RawMessage("system", "news")])

    reminder = text("<system-reminder>\nnews\n</system-reminder>")
    assert turns == [Utterance("user", [text("a"), reminder])]


def test_a_system_message_after_an_answer_joins_the_next_user_turn_behind_the_results():
    turns = turns_of(
        [
            RawMessage("user", "a"),
            RawMessage("assistant", [CALL]),
            RawMessage("system", [text("news")]),
            RawMessage("user", [RESULT, text("b")]),
        ]
    )

    reminder = text("<system-reminder>\nnews\n</system-reminder>")
    assert turns[-1] == Utterance("user", [RESULT, reminder, text("b")])


def test_a_system_message_at_the_end_is_a_turn_of_its_own():
    turns = turns_of(
        [RawMessage("user", "a"), RawMessage("assistant", "b"), RawMessage("system", "news")]
    )

    assert [turn.role for turn in turns] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    "messages",
    [
        (("assistant", "hi"), ("user", "hello")),
        (("user", "hello"), ("assistant", "Once upon")),
        (("user", "hello"), ("tool", "x")),
        (("system", []),),
    ],
)
def test_what_the_cli_cannot_be_asked_is_refused(messages):
    with pytest.raises(BadRequestError, match="messages"):
        conversation_of("alice", prompt(*messages))


def nested(levels: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for _ in range(levels):
        found = {"deeper": found}
    return found


@pytest.mark.parametrize("block", [CALL | {"input": nested(5000)}, {"type": "x", "y": nested(900)}])
@pytest.mark.parametrize("later", [(), (("assistant", "hi"), ("user", "next"))])
def test_what_is_nested_beyond_reason_is_refused_before_anybody_is_asked(block, later):
    with pytest.raises(BadRequestError, match="nested too deeply"):
        conversation_of("alice", prompt(("user", [block]), *later))


def test_the_cli_gets_blocks_without_marks_and_thinking_and_tools_by_its_names():
    said = [
        {"type": "thinking", "thinking": "x", "signature": "y"},
        text("a", cache_control={"type": "ephemeral"}),
        CALL,
        RESULT | {"content": [text("seen", cache_control={"type": "ephemeral"}), IMAGE]},
    ]

    assert cli_blocks(Utterance("assistant", said)) == [
        text("a"),
        CALL | {"name": "mcp__c__look"},
        RESULT | {"content": [text("seen"), IMAGE]},
    ]


def test_a_reference_to_a_tool_becomes_text():
    found = RESULT | {"content": [{"type": "tool_reference", "tool_name": "look"}]}

    blocks = cli_blocks(Utterance("user", [found]))

    assert blocks == [RESULT | {"content": [text("The tool look is at hand.")]}]


def test_a_turn_of_nothing_but_thinking_is_not_empty_for_the_cli():
    assert cli_blocks(Utterance("assistant", [{"type": "thinking"}])) == [text("(no content)")]

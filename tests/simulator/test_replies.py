import base64

import pytest

from simulator.prompt import Block, Message, Request, Source
from simulator.replies import prose, reply_to


def ask(*contents):
    """The reply to the last of these messages; user and assistant take turns."""
    roles = ("user", "assistant")
    messages = [Message(roles[n % 2], content) for n, content in enumerate(contents)]
    request = Request("claude-sonnet-5-5", messages)
    return reply_to(request, request.last_user().text(), 24)


def image(size):
    data = base64.b64encode(b"x" * size).decode()
    return Block("image", source=Source("base64", "image/png", data))


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("say: hello", "hello"),
        ("say: two\nlines  ", "two\nlines  "),
        ("please\nsay: this", "this"),
        ("Please remember the word zebra.", "I will remember zebra."),
        ("Which word?", "I was told no word."),
    ],
)
def test_plain_prompts_have_plain_answers(said, reply):
    assert ask(said) == reply


def test_a_word_is_remembered_from_the_history_that_came():
    assert ask("remember the word zebra", "ok", "which word was it?") == "The word is zebra."


def test_the_newest_word_counts():
    talk = ("remember the word zebra", "ok", "remember the word lion", "ok", "what was the word?")

    assert ask(*talk) == "The word is lion."


@pytest.mark.parametrize("size", [1, 2, 3, 70])
def test_images_are_described_by_type_and_size(size):
    seen = ask([Block("text", text="look"), image(size), image(4)])

    assert seen == f"I see image image/png of {size} bytes, image image/png of 4 bytes."


def test_tool_results_are_read_back():
    result = Block("tool_result", tool_use_id="t", content=[Block("text", text="42")])

    assert ask([result]) == "The tool answered: 42"


def test_prose_is_the_same_for_the_same_text_and_as_long_as_asked():
    assert prose("a", 30) == prose("a", 30) != prose("b", 30)
    assert len(prose("a", 30).split()) == 30

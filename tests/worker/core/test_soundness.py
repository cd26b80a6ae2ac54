import base64

import pytest

from worker.core.history import conversation_of
from worker.core.prompt import Prompt, RawMessage
from worker.core.soundness import check
from worker.errors import BadRequestError

CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
OTHER = CALL | {"id": "toolu_2"}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}
OTHER_RESULT = RESULT | {"tool_use_id": "toolu_2"}


def image(head: bytes) -> dict[str, object]:
    data = base64.b64encode(head + bytes(20)).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def text(words: object) -> dict[str, object]:
    return {"type": "text", "text": words}


def checked(*contents: object) -> None:
    """Check what user and assistant said in turn."""
    sides = ("user", "assistant")
    said = [RawMessage(sides[i % 2], content) for i, content in enumerate(contents)]
    check(conversation_of("alice", Prompt(model="claude-x", messages=said)))


@pytest.mark.parametrize(
    "contents",
    [
        ("hello",),
        ([text("hello"), text("")],),
        ("go", [CALL, OTHER], [OTHER_RESULT, RESULT, text("and now?")]),
        ("go", [text("well"), CALL], [RESULT], [OTHER], [OTHER_RESULT]),
        ([image(b"\x89PNG\r\n\x1a\n")],),
        ([image(b"\xff\xd8\xff\xe0")],),
        ([image(b"GIF89a")],),
        ([image(b"RIFF\x10\0\0\0WEBPVP8 ")],),
        ([{"type": "something new", "text": 5}],),
        ("go", [{"type": "server_tool_use", "id": "srvtoolu_1"}, text("found")], "thanks"),
    ],
)
def test_what_a_provider_takes_is_sound(contents):
    checked(*contents)


@pytest.mark.parametrize("words", [None, 5, ["a"], {"a": "b"}])
@pytest.mark.parametrize("place", ["first", "answer", "result"])
def test_text_that_is_no_string_is_refused_wherever_it_stands(words, place):
    wrong = [text(words)]
    contents = {
        "first": (wrong, "hi", "more"),
        "answer": ("hello", wrong, "more"),
        "result": ("hello", [CALL], [RESULT | {"content": wrong}]),
    }

    with pytest.raises(BadRequestError, match="must be a string"):
        checked(*contents[place])


@pytest.mark.parametrize("head", [b"hi there", b"II*\0", b"RIFF\x10\0\0\0WAVE", b"<svg>"])
def test_an_image_that_no_provider_reads_is_refused_in_results_of_tools_too(head):
    with pytest.raises(BadRequestError, match="PNG"):
        checked([image(head)])
    with pytest.raises(BadRequestError, match="PNG"):
        checked("go", [CALL], [RESULT | {"content": [image(head)]}])


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        (("go", [CALL], "never mind"), "needs its `tool_result`"),
        (("go", [CALL, OTHER], [RESULT]), "needs its `tool_result`"),
        (([RESULT],), "answers no `tool_use`"),
        (("go", "done", [RESULT]), "answers no `tool_use`"),
        (("go", [CALL], [RESULT], "done", [RESULT]), "answers no `tool_use`"),
    ],
)
def test_a_call_without_its_result_is_refused_and_so_is_the_reverse(contents, told):
    with pytest.raises(BadRequestError, match=told):
        checked(*contents)

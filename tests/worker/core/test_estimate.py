from worker.core.estimate import estimated_tokens
from worker.core.prompt import Prompt, RawMessage


def tokens(content, **fields) -> int:
    return estimated_tokens(Prompt("claude-x", [RawMessage("user", content)], **fields))


def test_text_counts_by_its_length_and_everything_adds_to_it():
    short, long = tokens("word " * 10), tokens("word " * 1000)

    assert 10 <= short <= 30
    assert 1000 <= long <= 2000
    assert tokens("word " * 10, system="word " * 1000) > 1000
    assert tokens("x", tools=[{"name": "t", "description": "word " * 1000}]) > 1000


def test_an_image_counts_as_one_however_many_bytes_it_has():
    image = {"type": "image", "source": {"type": "base64", "data": "A" * 1_000_000}}

    assert 1000 <= tokens([image]) <= 3000


def test_text_counts_the_same_in_both_forms():
    assert tokens("hello there") == tokens([{"type": "text", "text": "hello there"}])

"""Deltas as blocks, however an upstream cuts them."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from worker.core.message import MessageBuilder
from worker.core.openai_blocks import Blocks
from worker.core.openai_chunk import Call, Function, Said

WORDS = st.text(min_size=1, max_size=12)
SAID = st.tuples(st.sampled_from(["text", "thinking"]), WORDS)
CALLED = st.tuples(st.just("call"), st.dictionaries(WORDS, WORDS, max_size=3))


def pieces(draw, text):
    """A text in pieces of any length."""
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=3)) | {0, len(text)})
    return [text[a:b] for a, b in pairwise(cuts)]


@st.composite
def answers(draw):
    """What an answer says, and the deltas that say so."""
    said, deltas, number = draw(st.lists(SAID | CALLED, max_size=6)), [], 0
    for kind, what in said:
        if kind == "call":
            function = Function(name="see", arguments="")
            deltas.append(Said(tool_calls=[Call(number, f"c{number}", function)]))
            deltas += [
                Said(tool_calls=[Call(number, None, Function(arguments=part))])
                for part in pieces(draw, json.dumps(what))
            ]
            number += 1
        else:
            name = "content" if kind == "text" else "reasoning_content"
            deltas += [Said(**{name: part}) for part in pieces(draw, what)]
    return said, deltas


def joined(said):
    """Adjacent words of one kind are one block."""
    blocks = []
    for kind, what in said:
        if kind != "call" and blocks and blocks[-1][0] == kind:
            blocks[-1] = (kind, blocks[-1][1] + what)
        else:
            blocks.append((kind, what))
    return blocks


@given(answers())
def test_every_answer_is_told_in_whole_blocks_one_after_the_other(answer):
    said, deltas = answer
    blocks, builder, is_open, index = Blocks("t"), MessageBuilder(), False, -1
    frames = [frame for delta in deltas for frame in blocks.feed(delta)] + list(blocks.close())
    for name, data in frames:
        builder.add(data)
        starts = name == "content_block_start"
        assert is_open is not starts
        index += starts
        is_open = name != "content_block_stop"
        assert json.loads(data)["index"] == index

    assert not is_open
    found = [
        ("call", block["input"])
        if block["type"] == "tool_use"
        else (block["type"], block[block["type"]])
        for block in builder.content()
    ]
    assert found == joined(said)

"""What was said, as people read it."""

import pytest

from worker.core.markdown import markdown_of
from worker.core.thread import Said


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "text", "text": "hi **you**"}, "hi **you**"),
        ({"type": "thinking", "thinking": "so\nthen"}, "> so\n> then"),
        (
            {"type": "tool_use", "name": "look", "input": {"at": "it"}},
            'Calls `look`:\n\n```\n{"at":"it"}\n```',
        ),
        ({"type": "tool_result", "content": "a ``` b"}, "Result:\n\n````\na ``` b\n````"),
        ({"type": "tool_result", "content": [{"type": "text", "text": "it"}]}, "Result:\n\nit"),
        ({"type": "tool_result", "tool_use_id": "t1"}, "(tool_result)"),
        ({"type": "image", "source": {"data": "aGk="}}, "(image)"),
    ],
)
def test_each_kind_of_block_is_readable(block, expected):
    told = markdown_of([Said("5", None, 0.0, "user", [block])])

    assert told == f"## user\n\n{expected}\n\n"

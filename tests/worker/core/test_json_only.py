import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.json_only import JsonOnly, json_only


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('```json\n{"a": {"b": [1, 2]}}\n```', '{"a": {"b": [1, 2]}}'),
        ('Here you are: {"a": "}"} I hope it helps {you}', '{"a": "}"}'),
        ('{"a": "\\"{", "b": "\\\\"} more', '{"a": "\\"{", "b": "\\\\"}'),
        # What breaks off is given as far as it came.
        ('{"a": [1, ', '{"a": [1, '),
        # An answer is never made to vanish.
        ("I cannot.", "I cannot."),
        ("", ""),
    ],
)
def test_the_object_is_taken_out_of_what_stands_around_it(said, expected):
    reader = JsonOnly()
    pieces = [reader.feed(char) for char in said]

    assert json_only(said) == expected
    assert "".join(pieces) + reader.rest() == expected


@given(st.dictionaries(st.text(), st.recursive(st.text(), st.lists)))
def test_every_object_comes_out_whole(value):
    said = json.dumps(value)

    assert json_only(f"```json\n{said}\n``` }}") == said


@given(st.dictionaries(st.text('"\\{}[] a'), st.text('"\\{}[] a')), st.integers(1, 5))
def test_it_makes_no_difference_how_it_is_cut(value, size):
    said = f"So: {json.dumps(value)} and more {{}}"
    reader = JsonOnly()
    pieces = [reader.feed(said[at : at + size]) for at in range(0, len(said), size)]

    assert json.loads("".join(pieces) + reader.rest()) == value

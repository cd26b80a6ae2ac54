"""What an OpenAI-style upstream answers."""

import msgspec
import pytest

from worker.core.openai_chunk import Completion, Usage


@pytest.mark.parametrize(
    ("told", "counted"),
    [
        ({}, (0, 0, 0, 0)),
        ({"prompt_tokens": 12, "completion_tokens": 3}, (12, 0, 0, 3)),
        (
            {"prompt_tokens": 12, "prompt_tokens_details": {"cached_tokens": 5}},
            (7, 0, 5, 0),
        ),
        (
            {
                "prompt_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 4},
            },
            (3, 4, 5, 0),
        ),
        ({"prompt_tokens": 12, "prompt_tokens_details": None}, (12, 0, 0, 0)),
        # Some servers count what is cached beside the rest.
        ({"prompt_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}}, (0, 0, 5, 0)),
    ],
)
def test_what_a_cache_did_is_counted_apart(told, counted):
    found = msgspec.convert(told, Usage).counted()

    assert tuple(found.values()) == counted
    assert list(found) == [
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
    ]


def test_a_completion_has_choices():
    with pytest.raises(msgspec.ValidationError, match="choices"):
        msgspec.convert({"usage": None}, Completion)

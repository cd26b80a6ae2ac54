import pytest

from worker.core.catalogue import meant

KNOWN = (
    "claude-opus-4-8",
    "claude-sonnet-4-5-20250929",
    "claude-sonnet-5-5",
    "claude-sonnet-5-10",
    "claude-3-5-haiku-20241022",
    "claude-fable-5-2",
    "gpt-oss",
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("claude-sonnet-5-5", "claude-sonnet-5-5"),
        ("gpt-oss", "gpt-oss"),
        # With or without a date.
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("claude-opus-4-8-20261001", "claude-opus-4-8"),
        ("claude-opus-4-8@20261001", "claude-opus-4-8"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
        # The newest of a family.
        ("sonnet", "claude-sonnet-5-10"),
        ("opus", "claude-opus-4-8"),
        ("haiku", "claude-3-5-haiku-20241022"),
        ("claude-sonnet-5", None),
        ("claude", None),
        ("fable", "claude-fable-5-2"),
        ("oss", None),
        ("", None),
    ],
)
def test_a_name_means_at_most_one_model(wanted, expected):
    assert meant(wanted, KNOWN) == expected


def test_an_alias_without_a_family_means_nothing():
    assert meant("opus", ["gpt-oss"]) is None

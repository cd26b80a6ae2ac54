import pytest

from worker.core.translation import thinking
from worker.errors import BadRequestError

ADAPTIVE = {"type": "adaptive"}


def budget(tokens):
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("effort", "model", "expected"),
    [
        (None, "claude-sonnet-5-5", (None, None)),
        ("none", "claude-sonnet-5-5", ({"type": "disabled"}, None)),
        ("minimal", "claude-sonnet-5-5", (ADAPTIVE, "low")),
        ("high", "claude-opus-4-6", (ADAPTIVE, "high")),
        ("max", "sonnet", (ADAPTIVE, "max")),
        # Models of before take a budget instead.
        ("low", "claude-sonnet-4-5-20250929", (budget(1024), None)),
        ("medium", "claude-opus-4-20250514", (budget(4096), None)),
        ("high", "claude-3-7-sonnet-20250219", (budget(8192), None)),
        ("high", "us.anthropic.claude-haiku-4-5-20251001-v1:0", (budget(8192), None)),
    ],
)
def test_an_effort_becomes_what_the_model_understands(effort, model, expected):
    assert thinking(effort, model) == expected


def test_an_effort_that_nobody_knows_is_refused():
    with pytest.raises(BadRequestError, match="effort"):
        thinking("enormous", "sonnet")

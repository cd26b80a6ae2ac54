import pytest

from proxy.core.account import ANY_MODEL
from proxy.core.models import model_family, window_family


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-opus-4-5-20251101", "opus"),
        ("claude-3-5-sonnet-latest", "sonnet"),
        ("us.anthropic.claude-haiku-4-5-v1:0", "haiku"),
        ("Claude-OPUS", "opus"),
        ("opus", "opus"),
        ("gpt-9", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_a_model_belongs_to_one_of_few_families(model, family):
    assert model_family(model) == family


@pytest.mark.parametrize(
    ("window", "family"),
    [
        ("five_hour", ANY_MODEL),
        ("seven_day", ANY_MODEL),
        ("seven_day_opus", "opus"),
        ("seven_day_sonnet", "sonnet"),
        ("seven_day_overage_included", "other"),
        ("unified", ANY_MODEL),
    ],
)
def test_a_window_is_about_one_family_or_all(window, family):
    assert window_family(window) == family

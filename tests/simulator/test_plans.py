import pytest

from simulator.plans import Plan, Standing, Window


@pytest.mark.parametrize(
    ("name", "window", "scale", "seconds"),
    [
        ("five_hour", Window(1), 1, 18_000),
        ("five_hour", Window(1), 3600, 5),
        ("seven_day_opus", Window(1), 1, 604_800),
        ("requests", Window(1), 1, 60),
        ("five_hour", Window(1, seconds=10), 2, 5),
    ],
)
def test_a_window_is_as_long_as_its_name_says_unless_told_otherwise(name, window, scale, seconds):
    assert Plan(windows={name: window}, time_scale=scale).seconds(name) == seconds


@pytest.mark.parametrize(
    ("name", "models", "model", "counts"),
    [
        ("five_hour", (), "claude-opus-5-5", True),
        ("seven_day_opus", (), "claude-opus-5-5", True),
        ("seven_day_opus", (), "claude-sonnet-5-5", False),
        ("seven_day_overage_included", ("haiku",), "claude-haiku-5-5", True),
        ("seven_day_overage_included", ("haiku",), "claude-opus-5-5", False),
    ],
)
def test_a_models_own_window_counts_that_model_only(name, models, model, counts):
    assert Plan(windows={name: Window(1, models=models)}).counts(name, model) is counts


@pytest.mark.parametrize(
    ("used", "budget", "status"),
    [
        (7.9, 10, "allowed"),
        (8, 10, "allowed_warning"),
        (10, 10, "rejected"),
        (12, 10, "rejected"),
        (0, 0, "rejected"),
    ],
)
def test_a_window_warns_before_it_rejects(used, budget, status):
    assert Standing("five_hour", used, budget, 0).status == status

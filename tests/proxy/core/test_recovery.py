import json

import pytest

from proxy.core.account import ANY_MODEL, ModelFamily
from proxy.core.cooldown import Cooldown, Reason
from proxy.core.recovery import doubtful, trial_body, trial_model

OPUS, HAIKU = ModelFamily("opus"), ModelFamily("haiku")
HOUR = 3600


def rest(reason, until=HOUR):
    return Cooldown(until, reason)


@pytest.mark.parametrize(
    ("cooldowns", "expected"),
    [
        ({}, set()),
        ({ANY_MODEL: rest(Reason.QUOTA)}, {ANY_MODEL}),
        ({ANY_MODEL: rest(Reason.BILLING)}, {ANY_MODEL}),
        ({ANY_MODEL: rest(Reason.AUTH)}, {ANY_MODEL}),
        ({OPUS: rest(Reason.MODEL_LIMIT), HAIKU: rest(Reason.MODEL_LIMIT)}, {OPUS, HAIKU}),
        # What ends soon is left to end: nothing is sent before a reset that is near.
        ({ANY_MODEL: rest(Reason.QUOTA, until=600)}, set()),
        # A pause, a failure or a drain is no limit that somebody may have lifted.
        ({ANY_MODEL: rest(Reason.BURST)}, set()),
        ({ANY_MODEL: rest(Reason.FAILING)}, set()),
        ({ANY_MODEL: rest(Reason.DRAINED)}, set()),
        # Where all of it rests, a family cannot be known to be well.
        ({ANY_MODEL: rest(Reason.QUOTA), OPUS: rest(Reason.MODEL_LIMIT)}, {ANY_MODEL}),
        ({ANY_MODEL: rest(Reason.DRAINED), OPUS: rest(Reason.MODEL_LIMIT)}, set()),
    ],
)
def test_doubtful(cooldowns, expected):
    assert set(doubtful(cooldowns, beyond=600)) == expected


@pytest.mark.parametrize(
    ("family", "served", "chosen", "expected"),
    [
        (ANY_MODEL, {OPUS: "o", HAIKU: "h"}, None, "h"),
        (ANY_MODEL, {OPUS: "o"}, None, "o"),
        (ANY_MODEL, {OPUS: "o"}, "cheap", "cheap"),
        (OPUS, {OPUS: "o", HAIKU: "h"}, "cheap", "o"),
        (OPUS, {HAIKU: "h"}, "cheap", None),
        (ANY_MODEL, {}, None, None),
    ],
)
def test_trial_model(family, served, chosen, expected):
    assert trial_model(family, served, chosen) == expected


def test_a_trial_asks_for_one_token():
    asked = json.loads(trial_body("claude-haiku"))

    assert (asked["model"], asked["max_tokens"], len(asked["messages"])) == ("claude-haiku", 1, 1)

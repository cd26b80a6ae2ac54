"""The comparison of policies, in its smallest form."""

import pytest

from bench.policy.peers import RULES
from bench.policy.score import COLUMNS
from bench.policy.story import OURS, Scenario, run
from bench.policy.traffic import traffic
from bench.policy.world import PLANS, UNIT
from proxy.core.limits import FIVE_HOURS


def figures(policy=OURS, **options):
    scenario = Scenario(policy, **{"load": 0.8, "hours": 1.5} | options)
    return dict(zip(COLUMNS, run(scenario), strict=True))


@pytest.fixture(scope="module")
def ours():
    return figures()


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_of_others_costs_fails_or_moves_less(ours, rule):
    theirs = figures(rule)

    assert theirs["requests"] == ours["requests"]
    for column in ("failed %", "bursts ‰", "cost k", "moves %"):
        assert ours[column] < theirs[column], column
    assert ours["hits %"] > theirs["hits %"]
    assert ours["fairness"] > theirs["fairness"] - 0.1


def test_three_replicas_with_one_store_are_as_good_as_one(ours):
    three = figures(replicas=3)

    assert three["cost k"] == pytest.approx(ours["cost k"], rel=0.02)
    assert three["bursts ‰"] < 2 * ours["bursts ‰"]


def test_replicas_that_know_nothing_of_each_other_still_beat_every_rule():
    alone = figures(replicas=3, shared=False)
    cost = min(figures(rule, replicas=3, shared=False)["cost k"] for rule in RULES)

    assert alone["cost k"] < cost


def test_a_story_is_told_twice_alike(ours):
    assert figures() == ours
    assert figures(seed=2) != ours


def test_a_knob_is_turned(ours):
    hurried = figures(load=1.2, knobs={"spill": 0})

    assert hurried["moves %"] > figures(load=1.2)["moves %"] > ours["moves %"] / 10


@pytest.mark.parametrize("load", [0.5, 1.2])
def test_the_traffic_costs_what_its_load_says(load):
    hours = 100
    cost = sum(session.ideal for session in traffic(1, load, hours * 3_600))
    bears = sum(plan.units for plan in PLANS) * UNIT * hours * 3_600 / FIVE_HOURS

    assert cost / bears == pytest.approx(load, rel=0.1)

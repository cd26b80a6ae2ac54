import msgspec
import pytest

from simulator.config import AccountConfig, Pacing, load_config
from simulator.plans import Burst, Plan, Style, Window

TEXT = """
accounts:
  - {name: alice, plan: max, pacing: {rate: 50}}
  - {name: bob, keys: [k1]}
plans:
  max:
    windows: {five_hour: {budget: 100}, tokens: {budget: 5000, unit: tokens}}
    burst: {requests: 5, seconds: 1}
    style: unified
    time_scale: 3600
pacing: {latency: 0.1, tokens: 50}
"""


def load(tmp_path, text):
    path = tmp_path / "simulator.yaml"
    path.write_text(text)
    return load_config(path)


def test_a_whole_configuration_is_read(tmp_path):
    config = load(tmp_path, TEXT)

    assert config.accounts == (
        AccountConfig("alice", plan="max", pacing=Pacing(rate=50)),
        AccountConfig("bob", keys=("k1",)),
    )
    assert config.plan("max") == Plan(
        windows={"five_hour": Window(100), "tokens": Window(5000, unit="tokens")},
        burst=Burst(5, 1),
        style=Style.UNIFIED,
        time_scale=3600,
    )
    assert config.pacing == Pacing(latency=0.1, tokens=50)
    assert not config.open


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("acounts: []", "acounts"),
        ("plans: {a: {windows: {five_hour: {budget: much}}}}", "budget"),
        ("accounts: [{name: alice, plan: gold}]", "not defined: gold"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, problem):
    with pytest.raises(msgspec.ValidationError, match=problem):
        load(tmp_path, text)


def test_the_default_plan_is_ample_unless_it_is_configured(tmp_path):
    own = load(tmp_path, "plans: {default: {concurrency: 1}}")

    assert own.plan("default") == Plan(concurrency=1)
    assert load(tmp_path, "open: true").plan("default").windows["five_hour"].budget > 100_000

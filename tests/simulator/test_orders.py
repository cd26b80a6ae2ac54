import msgspec
import pytest

from simulator.errors import ApiError
from simulator.faults import FAULTS
from simulator.markers import read_markers
from simulator.orders import Faults, Order

MODEL = "claude-sonnet-5-5"


def struck(faults, account="alice", text="", model=MODEL):
    strike = faults.strike(account, model, read_markers(text)[1])
    return strike and strike.name


def test_an_order_strikes_as_often_as_it_says():
    faults = Faults()
    faults.add(Order("500", count=2))

    assert [struck(faults) for _ in range(3)] == ["500", "500", None]


def test_the_oldest_order_that_fits_comes_first():
    faults = Faults()
    faults.add(Order("500", count=1, account="bob"))
    faults.add(Order("503", count=1, model="opus"))
    faults.add(Order("529"))

    assert struck(faults) == "529"
    assert struck(faults, "bob") == "500"
    assert struck(faults, model="claude-opus-5-5") == "503"


def test_a_share_of_requests_is_struck_the_same_in_every_run():
    def run():
        faults = Faults()
        faults.add(Order("500", probability=0.3))
        return [struck(faults) for _ in range(1000)]

    assert 250 < run().count("500") < 350
    assert run() == run()


def test_a_marker_comes_before_every_order_and_uses_none_up():
    faults = Faults()
    faults.add(Order("500", count=1))

    assert struck(faults, text="[[sim:fault=cut]]") == "cut"
    assert struck(faults) == "500"


def test_a_marker_may_strike_the_first_times_only():
    text = "hello [[sim:fault=529 times=2]]"
    faults = Faults()

    assert [struck(faults, text=text) for _ in range(3)] == ["529", "529", None]


def test_a_marker_may_mean_one_account():
    faults = Faults()
    text = "[[sim:fault=529 account=bob]]"

    assert (struck(faults, "alice", text), struck(faults, "bob", text)) == (None, "529")


def test_arguments_change_where_and_how_a_flaw_shows():
    _, markers = read_markers("[[sim:fault=error_mid at=3 kind=rate_limit_error]]")
    flaw = Faults().strike("alice", MODEL, markers).flaw()

    assert (flaw.at, flaw.kind) == ("3", "rate_limit_error")


def test_cleared_faults_are_gone():
    faults = Faults()
    faults.add(Order("500"))
    faults.clear()

    assert struck(faults) is None


def test_an_unknown_fault_is_refused_by_order_and_by_marker():
    with pytest.raises(msgspec.ValidationError, match="not one of"):
        msgspec.convert({"fault": "meteor"}, Order)
    with pytest.raises(ApiError, match="no such fault"):
        struck(Faults(), text="[[sim:fault=meteor]]")


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_ordered_by_marker(name):
    assert struck(Faults(), text=f"[[sim:fault={name}]]") == name

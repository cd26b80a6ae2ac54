import pytest

from simulator.errors import ApiError
from simulator.faults import Flaw, How


@pytest.mark.parametrize(
    ("how", "at"),
    [(How.CUT, "middle"), (How.CUT, "-1"), (How.END, "head"), (How.ERROR, "head")],
)
def test_a_flaw_in_no_place_of_an_answer_is_refused(how, at):
    with pytest.raises(ApiError, match="no place"):
        Flaw(how, at)


@pytest.mark.parametrize("at", ["head", "start", "mid", "last", "0", "17"])
def test_an_answer_may_be_cut_anywhere(at):
    assert Flaw(How.CUT, at).at == at

import pytest

from simulator.errors import ApiError
from simulator.markers import read_markers


@pytest.mark.parametrize(
    ("text", "plain", "args", "json"),
    [
        ("hi [[sim:tokens=200 rate=50]] you", "hi  you", {"tokens": "200", "rate": "50"}, {}),
        ("[[sim:think]]", "", {"think": ""}, {}),
        # A bracket inside the JSON does not end the marker.
        (
            '[[sim:tool=read {"a": [[1]], "b": "]]"}]]',
            "",
            {"tool": "read"},
            {"a": [[1]], "b": "]]"},
        ),
        ("[[sim:fault=cut at=3 ]]", "", {"fault": "cut", "at": "3"}, {}),
    ],
)
def test_a_marker_is_read_and_taken_out_of_the_text(text, plain, args, json):
    said, (marker,) = read_markers(text)

    assert (said, dict(marker.args), marker.json) == (plain, args, json)


def test_several_markers_keep_their_order():
    _, markers = read_markers("[[sim:tool=a]] then [[sim:tool=b]]")

    assert [marker.args["tool"] for marker in markers] == ["a", "b"]


@pytest.mark.parametrize("text", ["[[sim:tokens=1", "[[sim:tool=x {bad}]]", "[[sim:=]]"])
def test_a_marker_that_is_not_understood_is_the_clients_fault(text):
    with pytest.raises(ApiError) as caught:
        read_markers(text)

    assert caught.value.status == 400

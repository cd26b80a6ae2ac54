"""One view of sessions out of what several workers tell."""

import pytest

from proxy.core.sessions import Conversation, Session, conversation, merged, page
from proxy.errors import BadRequestError

ONE = Session("1", 10, 20, "ann", ["sonnet"], 2, {"input_tokens": 5}, live=True)
TWO = Session("2", 12, 30, "bob")


def test_the_last_used_comes_first():
    assert merged([ONE, TWO]) == merged([TWO, ONE]) == [TWO, ONE]


def test_a_session_that_moved_is_one_and_counts_with_the_last_account():
    moved = Session("1", 15, 40, "bob", ["opus"], 1, {"input_tokens": 1, "output_tokens": 2})
    usage = {"input_tokens": 6, "output_tokens": 2}
    expected = Session("1", 10, 40, "bob", ["sonnet", "opus"], 3, usage, live=True)

    assert merged([ONE, moved]) == merged([moved, ONE]) == [expected]


@pytest.mark.parametrize(
    ("query", "shown", "more"),
    [
        (b"", ["2", "1"], False),
        (b"limit=1", ["2"], True),
        (b"limit=1&after=2", ["1"], False),
        (b"after=1", [], False),
    ],
)
def test_a_page_is_a_part_and_says_whether_there_is_more(query, shown, more):
    told = page(merged([ONE, TWO]), query, partial=False)

    assert [entry["id"] for entry in told["data"]] == shown
    assert told["has_more"] is more
    assert (told["first_id"], told["last_id"]) == ((shown or [None])[0], (shown or [None])[-1])


@pytest.mark.parametrize(
    "query", [b"limit=0", b"limit=1001", b"limit=%C2%B2", b"limit=" + b"9" * 5000, b"after=3"]
)
def test_a_page_that_cannot_be_is_refused(query):
    with pytest.raises(BadRequestError):
        page([ONE, TWO], query, partial=False)


def test_a_page_says_if_somebody_could_not_be_asked():
    assert "partial" not in page([ONE], b"", partial=False)
    assert page([ONE], b"", partial=True)["partial"] is True


def test_a_conversation_is_a_session_by_another_name():
    assert conversation(ONE) == Conversation("1", 10)

import pytest

from proxy.core.bill import Entry, Line, Price, bill
from proxy.core.usage import Usage

OPUS = Price(input=15, output=75, cache_read=1.5, cache_write=18.75)
PRICES = {"opus": OPUS}
DAY = 20_000
ENTRIES = [
    Entry(DAY, "alice", "a", "opus", 2, Usage(1000, 200, 30, 4)),
    Entry(DAY, "alice", "b", "opus", 1, Usage(10, 20, 0, 0)),
    Entry(DAY + 1, "bob", "a", "haiku", 5, Usage(7, 7, 0, 0)),
    Entry(DAY + 1, "alice", "a", "haiku", 1, Usage(1, 0, 0, 0)),
]


def test_every_kind_of_token_has_its_price():
    million = 1_000_000

    assert OPUS.of(Usage(million, million, million, million)) == 15 + 75 + 1.5 + 18.75


@pytest.mark.parametrize(
    ("by", "requests"),
    [
        ((), {(): 9}),
        (("client",), {("alice",): 4, ("bob",): 5}),
        (("model", "client"), {("haiku", "alice"): 1, ("haiku", "bob"): 5, ("opus", "alice"): 3}),
        (("day",), {("2024-10-04",): 3, ("2024-10-05",): 6}),
        (("account",), {("a",): 8, ("b",): 1}),
    ],
)
def test_entries_are_summed_up_by_what_is_asked_for(by, requests):
    lines = bill(ENTRIES, by, PRICES)

    assert {tuple(line.of.values()): line.requests for line in lines} == requests
    assert [tuple(line.of.values()) for line in lines] == sorted(requests)
    assert sum(line.usage.total for line in lines) == sum(e.usage.total for e in ENTRIES)


def test_a_sum_with_a_part_that_has_no_price_has_no_cost():
    by_model = {line.of["model"]: line.cost_usd for line in bill(ENTRIES, ("model",), PRICES)}
    (total,) = bill(ENTRIES, (), PRICES)

    assert by_model == {"opus": pytest.approx(0.03177), "haiku": None}
    assert total.cost_usd is None


def test_a_row_names_what_it_is_of_first():
    row = Line({"client": "alice"}, 2, Usage(1, 2, 3, 4), 0.1234567891).flat()

    assert list(row.items()) == [
        ("client", "alice"),
        ("requests", 2),
        ("input_tokens", 1),
        ("output_tokens", 2),
        ("cache_read_tokens", 3),
        ("cache_write_tokens", 4),
        ("cost_usd", 0.123457),
    ]

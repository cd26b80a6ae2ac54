from proxy.core.usage import Spending, Usage
from proxy.ledger import Book

DAY = 20_000


def spending(client="alice", tokens=10):
    return Spending(client, "a", "opus", Usage(tokens))


def test_old_days_are_dropped_as_new_ones_come():
    book = Book(days=2)
    for day in range(5):
        book.spend(DAY + day, spending())

    assert [entry.day for entry in book.entries()] == [DAY + 3, DAY + 4]
    assert [book.tokens(DAY + day, "alice") for day in range(5)] == [0, 0, 0, 10, 10]


def test_a_book_takes_over_what_another_has():
    old, new = Book(), Book()
    old.spend(DAY, spending())
    old.spend(DAY, spending("bob", 7))
    new.spend(DAY, spending())
    new.add(old.entries())

    assert new.tokens(DAY, "alice") == 20
    assert [(e.client, e.requests, e.usage.input) for e in new.entries()] == [
        ("alice", 2, 20),
        ("bob", 1, 7),
    ]


def test_a_book_is_true_once_something_is_written():
    book = Book()
    assert not book
    book.spend(DAY, spending())
    assert book

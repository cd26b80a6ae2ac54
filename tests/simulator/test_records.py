from simulator.records import Record, Records


def record(body=b"", account=None, records=None):
    made = Record("POST", "/v1/messages", "", (("X-Api-Key", "k"),), body, started_at=0)
    if records is not None:
        records.begin(made)
        if account:
            records.belongs(made, account)
    return made


def test_only_the_newest_records_are_kept():
    records = Records(most=3, most_bytes=1000)
    for _ in range(10):
        record(records=records)

    assert [kept.number for kept in records.kept()] == [8, 9, 10]
    assert records.tally.requests == 10


def test_bodies_are_kept_up_to_a_total():
    records = Records(most=100, most_bytes=1000)
    for _ in range(10):
        record(b"x" * 300, records=records)

    assert len(records.kept()) == 3


def test_the_most_that_ran_at_once_is_known_of_each_account():
    records = Records(most=10, most_bytes=1000)
    first, second = (record(account="alice", records=records) for _ in range(2))
    records.end(first, now=1)
    record(account="alice", records=records)

    assert records.tally.most_in_flight["alice"] == 2
    assert records.tally.in_flight["alice"] == 2
    assert (first.ended_at, second.ended_at) == (1, None)


def test_a_client_that_left_is_counted():
    records = Records(most=10, most_bytes=1000)
    gone = record(account="alice", records=records)
    gone.left = True
    records.end(gone, now=1)

    assert records.tally.left == 1


def test_clearing_forgets_the_past_but_not_what_runs():
    records = Records(most=10, most_bytes=1000)
    running = record(account="alice", records=records)
    records.clear()

    assert records.kept() == []
    assert records.tally.in_flight["alice"] == 1
    records.end(running, now=1)
    assert records.tally.in_flight["alice"] == 0
    assert record(records=records).number == 2


def test_headers_are_found_in_any_spelling():
    assert record().header("x-api-key") == "k"
    assert record().header("absent") is None

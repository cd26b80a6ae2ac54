"""What is kept of turns: whose it is, for how long, and how much."""

import tracemalloc
from dataclasses import replace

import pytest

from worker.archive import Archive, ArchiveLimits, Exchange, SessionView
from worker.core.usage import Usage

ONE, TWO = "1" * 32, "2" * 32


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def archive(clock):
    return Archive(ArchiveLimits(max_bytes=100_000, ttl=60), clock)


def user(text):
    return {"role": "user", "content": text}


def exchange(answer, session, *messages, said="yes", at=1000.0, **fields):
    message = {
        "id": answer,
        "role": "assistant",
        "content": [{"type": "text", "text": said}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": None},
    }
    request = {"model": "claude-x", "messages": list(messages), **fields}
    return Exchange(answer, session, "claude-x", at, request, message)


def texts(transcript):
    return [(said.role, said.content[0]["text"]) for said in transcript]


def test_a_turn_is_found_by_the_id_of_its_answer_as_it_was(archive):
    kept = exchange("msg_1", ONE, user("hi"), system="be kind", max_tokens=9)
    archive.keep("alice", kept)

    assert archive.exchange("alice", "msg_1") == kept
    assert archive.exchange("alice", "msg_2") is None


def test_nothing_is_shared_between_two_clients_even_under_the_same_key(archive):
    archive.keep("alice", exchange("msg_1", ONE, user("hi")))

    assert archive.exchange("bob", "msg_1") is None
    assert archive.session("bob", ONE) is None
    assert archive.sessions("bob") == []
    assert archive.transcript("bob", ONE) == ()
    assert not archive.forget("bob", ONE)
    assert archive.session("alice", ONE) is not None


def test_a_transcript_tells_everything_once_in_order(archive):
    archive.keep("alice", exchange("msg_1", ONE, user("hi")))
    answered = {"role": "assistant", "content": "yes "}
    marked = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]
    archive.keep("alice", exchange("msg_2", ONE, user(marked), answered, user("so?"), said="no"))

    told = archive.transcript("alice", ONE)
    assert texts(told) == [
        ("user", "hi"),
        ("assistant", "yes"),
        ("user", "so?"),
        ("assistant", "no"),
    ]
    assert [said.answer for said in told] == [None, "msg_1", None, "msg_2"]
    assert [said.after for said in told] == [None, *(said.id for said in told[:-1])]


def test_a_client_that_goes_back_makes_a_branch(archive):
    archive.keep("alice", exchange("msg_1", ONE, user("hi")))
    archive.keep("alice", exchange("msg_2", ONE, user("ho"), said="no"))

    assert [said.after is None for said in archive.transcript("alice", ONE)] == [
        True,
        False,
        True,
        False,
    ]


def test_a_session_sums_up_its_turns_the_unfinished_too(archive):
    archive.keep("alice", exchange("msg_1", ONE, user("hi"), at=1010))
    aborted = exchange("msg_2", ONE, user("ho"), at=1020)
    archive.keep(
        "alice", replace(aborted, model="claude-y", message={"usage": {"input_tokens": 7}})
    )

    usage = Usage(input_tokens=12, output_tokens=2)
    expected = SessionView(ONE, 1010, 1020, ("claude-x", "claude-y"), 2, usage)
    assert archive.sessions("alice") == [expected]
    assert archive.exchange("alice", "msg_2") is None


def test_the_last_used_session_comes_first(archive):
    for number, key in enumerate((ONE, TWO, ONE)):
        archive.keep("alice", exchange(f"msg_{number}", key, user("hi")))

    assert [view.id for view in archive.sessions("alice")] == [ONE, TWO]


def test_a_session_is_gone_once_it_is_unused_for_too_long(archive, clock):
    archive.keep("alice", exchange("msg_1", ONE, user("hi")))
    archive.keep("alice", exchange("msg_2", TWO, user("hi"), at=1050))
    clock.now = 1061

    assert [view.id for view in archive.sessions("alice")] == [TWO]
    assert archive.exchange("alice", "msg_1") is None


def test_the_longest_unused_go_when_there_is_too_much(archive):
    for number in range(10):
        text = str(number) * 30_000
        archive.keep("alice", exchange(f"msg_{number}", f"{number:032}", user(text)))

    assert [int(view.id) for view in archive.sessions("alice")] == [9, 8, 7]
    assert archive.exchange("alice", "msg_6") is None


def test_a_turn_costs_only_what_is_new_in_it(archive):
    said = [user("x" * 50_000)]
    for number in range(20):
        archive.keep("alice", exchange(f"msg_{number}", ONE, *said, tools=["t" * 10_000]))
        said += [{"role": "assistant", "content": "yes"}, user(f"and {number}?")]

    kept = archive.exchange("alice", "msg_19")
    assert kept is not None
    assert len(kept.request["messages"]) == 39
    assert archive.forget("alice", ONE)
    assert archive.size == 0
    assert archive._answers == {}


@pytest.mark.parametrize("without", ["transcripts", "content"])
def test_without_content_only_counts_and_times_are_kept(clock, without):
    archive = Archive(ArchiveLimits(100_000, 60, transcripts=without != "transcripts"), clock)
    archive.keep("alice", exchange("msg_1", ONE, user("hi")), content=without != "content")

    assert archive.exchange("alice", "msg_1") is None
    assert archive.transcript("alice", ONE) == []
    assert archive.sessions("alice")[0].usage.input_tokens == 5


@pytest.mark.parametrize("messages", [None, "hi", [{"role": "user"}], [{"role": 1, "content": []}]])
def test_what_is_no_conversation_is_counted_and_nothing_more(archive, messages):
    odd = replace(exchange("msg_1", ONE), request={"messages": messages})
    archive.keep("alice", odd)

    assert archive.exchange("alice", "msg_1") is None
    assert archive.sessions("alice")[0].turns == 1


def test_its_size_is_about_what_it_takes_in_memory():
    archive = Archive(ArchiveLimits(1 << 40, 60), lambda: 1000.0)
    tracemalloc.start()
    for number in range(200):
        said = [user(f"{number} {'x' * 1000}")]
        for turn in range(5):
            archive.keep("alice", exchange(f"msg_{number}_{turn}", f"{number:032}", *said))
            archive.settle()
            said = [*said, {"role": "assistant", "content": "yes"}, user(f"{turn}")]
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 0.7 < taken / archive.size < 1.5

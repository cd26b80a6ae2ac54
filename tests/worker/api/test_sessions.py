"""What a client is told of its sessions, and what it can have forgotten."""

from dataclasses import replace

import pytest

from tests.worker.rig import ASK, HELLO, STOP, serving, until_cut

MINE = {"x-headgate-client": "alice", "x-headgate-session": "a" * 32}
PATH = f"/v1/sessions/{'a' * 32}"


async def told(worker, path, headers=MINE, method="GET"):
    async with worker.session.request(method, worker.url + path, headers=headers) as answer:
        return answer.status, await answer.json()


async def turn(worker, headers=MINE, **fields):
    async with worker.post(ASK | {"stream": True} | fields, headers=headers) as answer:
        return await answer.read()


async def test_a_session_is_told_with_its_turns_and_its_usage(worker):
    for model in ("claude-x", "claude-y", "claude-x"):
        await turn(worker, model=model)
    status, session = await told(worker, PATH)
    usage = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}

    assert status == 200
    assert session.pop("created_at") < session.pop("last_used_at")
    assert session == {
        "id": "a" * 32,
        "object": "session",
        "account": "alice",
        "models": ["claude-x", "claude-y"],
        "turns": 3,
        "usage": {"input_tokens": 9, "output_tokens": 6, **usage},
        "live": False,
    }


async def test_a_session_is_live_while_the_engine_keeps_something_for_it(worker, engine):
    await turn(worker)
    engine.state_now = replace(engine.state_now, live={("alice", "a" * 32)})

    assert (await told(worker, PATH))[1]["live"] is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PATH),
        ("DELETE", PATH),
        ("GET", f"{PATH}/transcript"),
        ("GET", PATH.replace("sessions", "conversations")),
        ("DELETE", PATH.replace("sessions", "conversations")),
        ("GET", PATH.replace("sessions", "conversations") + "/items"),
    ],
)
@pytest.mark.parametrize("other", [{"x-headgate-client": "bob"}, {}])
async def test_another_clients_session_is_as_good_as_none(worker, engine, method, path, other):
    await turn(worker)
    status, _ = await told(worker, path, other, method)

    assert status == 404
    assert (await told(worker, "/v1/sessions", other))[1]["data"] == []
    assert (await told(worker, PATH))[0] == 200
    assert engine.forgotten == []


async def test_a_page_goes_on_after_the_last_of_the_one_before(worker):
    for key in "abc":
        await turn(worker, MINE | {"x-headgate-session": key * 32})
    _, first = await told(worker, "/v1/sessions?limit=2")
    _, second = await told(worker, f"/v1/sessions?limit=2&after={first['last_id']}")

    assert [entry["id"][0] for entry in first["data"]] == ["c", "b"]
    assert [entry["id"][0] for entry in second["data"]] == ["a"]
    assert (first["has_more"], second["has_more"]) == (True, False)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=x", "limit=1001", "limit=-1", f"limit={'9' * 5000}", "after=nobody"],
)
async def test_a_page_that_cannot_be_is_refused(worker, query):
    assert (await told(worker, f"/v1/sessions?{query}"))[0] == 400


async def test_what_is_forgotten_is_gone_and_so_is_what_ran_for_it(worker, engine):
    await turn(worker)
    deleted = await told(worker, PATH, method="DELETE")
    again = await told(worker, PATH, method="DELETE")

    assert deleted == (200, {"id": "a" * 32, "object": "session.deleted", "deleted": True})
    assert engine.forgotten == [("alice", "a" * 32)]
    assert again[0] == 404
    assert (await told(worker, PATH))[0] == 404


async def test_what_lives_can_be_ended_though_nothing_of_it_is_remembered(worker, engine):
    engine.state_now = replace(engine.state_now, live={("alice", "a" * 32)})
    await told(worker, PATH, method="DELETE")

    assert engine.forgotten == [("alice", "a" * 32)]


async def test_a_transcript_is_to_be_had_as_json_and_as_text(worker):
    await turn(worker)
    _, transcript = await told(worker, f"{PATH}/transcript")
    async with worker.get(f"{PATH}/transcript?format=markdown", headers=MINE) as answer:
        text, kind = await answer.text(), answer.content_type

    assert [(said["role"], said["content"][0]["text"]) for said in transcript["data"]] == [
        ("user", "hi"),
        ("assistant", "hello"),
    ]
    assert transcript["data"][1]["answer"] == "msg_1"
    assert (kind, text) == ("text/markdown", "## user\n\nhi\n\n\n## assistant\n\nhello\n\n")
    assert (await told(worker, f"{PATH}/transcript?format=pdf"))[0] == 400


async def test_a_turn_is_kept_before_its_client_has_the_last_of_it(worker):
    answer = await turn(worker)

    assert b"message_stop" in answer
    assert worker.parts.archive.exchange("alice", "msg_1").complete


async def test_an_answer_that_was_cut_off_counts_as_far_as_it_came(worker, engine):
    engine.script = HELLO[:3]
    async with worker.post(ASK | {"stream": True}, headers=MINE) as answer:
        await until_cut(answer)
    async with worker.get("/stats") as answer:
        stats = await answer.json()
    _, session = await told(worker, PATH)
    _, transcript = await told(worker, f"{PATH}/transcript")

    assert session["usage"]["input_tokens"] == 3
    assert [said["complete"] for said in transcript["data"]] == [True, False]
    assert stats["turns"] == {"worker_error": 1}
    assert not worker.parts.archive.exchange("alice", "msg_1").complete


async def test_a_turn_that_never_began_leaves_no_session(worker, engine):
    engine.script = (STOP,)
    await turn(worker)

    assert (await told(worker, "/v1/sessions"))[1]["data"] == []


async def test_without_transcripts_nothing_that_was_said_is_kept(engine):
    async with serving(engine, archive={"transcripts": False}) as worker:
        await turn(worker)
        _, session = await told(worker, PATH)
        _, transcript = await told(worker, f"{PATH}/transcript")

    assert (session["turns"], transcript["data"]) == (1, [])

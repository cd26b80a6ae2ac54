import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.session import agent_key, is_session_of, peek, session_key
from proxy.errors import BadRequestError

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def key(body=None, headers=None, client="alice"):
    return session_key(client, headers or {}, peek(json.dumps(body or {}).encode()))


def named(session, client="alice"):
    """The key that the plainest way of naming a session gives."""
    return key(headers={"x-session-id": session}, client=client)


def asking(content, **fields):
    return {
        "model": "claude-opus-4-5",
        "messages": [{"role": "user", "content": content}],
        **fields,
    }


def test_a_look_at_the_body_finds_what_routing_needs():
    seen = peek(b'{"model":"opus","stream":true,"max_tokens":5,"thinking":{"x":[1]},"system":[]}')

    assert (seen.model, seen.stream, bytes(seen.system)) == ("opus", True, b"[]")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, {"x-session-id": "S"}),
        ({}, {"x-claude-code-session-id": "S"}),
        ({"metadata": {"user_id": '{"device_id":"d","session_id":"S"}'}}, {}),
        ({"session_id": "S"}, {}),
        ({"conversation_id": "S"}, {}),
        ({}, {"x-openwebui-chat-id": "S"}),
        ({"prompt_cache_key": "S"}, {}),
        ({"user": "S"}, {}),
    ],
)
def test_a_session_is_the_same_whichever_way_it_is_named(body, headers):
    assert key(body, headers) == named("S")


def test_a_subagent_has_a_session_of_its_own_within_that_of_its_session():
    first, again, second = (agent("one"), agent("one"), agent("two"))

    assert first == again
    assert len({first, second, named("S"), agent("one", "T"), agent("one", client="bob")}) == 5
    assert is_session_of("alice", first)
    assert agent_key("alice", named("S"), {}) is None


def agent(name, session="S", client="alice"):
    return agent_key(client, named(session, client), {"x-claude-code-agent-id": name})


def test_an_agents_id_is_bounded():
    with pytest.raises(BadRequestError):
        agent("x" * 300)


def test_the_older_form_of_a_user_id_names_a_session():
    user_id = f"user_{'ab' * 32}_account_{UUID}_session_{UUID}"

    assert key({"metadata": {"user_id": user_id}}) == named(UUID)


def test_the_first_name_that_exists_counts():
    headers = {"x-session-id": "1", "x-claude-code-session-id": "2", "x-openwebui-chat-id": "5"}
    body = asking(
        "hi",
        metadata={"user_id": '{"session_id":"3"}'},
        session_id="4",
        conversation_id="4b",
        prompt_cache_key="6",
        user="7",
    )
    found = []
    for header in ("x-session-id", "x-claude-code-session-id", "metadata"):
        found.append(key(body, headers))
        headers.pop(header, None)
    body.pop("metadata")
    for field in ("session_id", "conversation_id", None, "prompt_cache_key", "user"):
        found.append(key(body, headers))
        if field is None:
            headers.clear()
        else:
            body.pop(field)

    assert found == [named(name) for name in ("1", "2", "3", "4", "4b", "5", "6", "7")]
    assert key(body, headers) not in {None, *found}


@pytest.mark.parametrize("user_id", ["someone", '{"broken', "{}", '{"session_id":5}', ""])
def test_a_user_id_of_neither_form_names_no_session(user_id):
    assert key({"metadata": {"user_id": user_id}}) is None


def test_an_empty_name_names_nothing():
    assert key({"session_id": "", "user": ""}, {"x-session-id": ""}) is None


def test_two_clients_never_share_a_session():
    assert named("S", "alice") != named("S", "bob")
    assert key(asking("hi"), client="alice") != key(asking("hi"), client="bob")


def test_a_key_is_32_hex_digits_and_hides_the_name():
    found = named("alice@example.com")

    assert len(found) == 32
    assert int(found, 16)


def test_a_key_begins_with_its_client():
    keys = [named("S"), key(asking("hi")), key(asking("ho"))]

    assert len({found[:8] for found in keys}) == 1
    assert all(is_session_of("alice", found) for found in keys)
    assert not is_session_of("bob", keys[0])


def test_an_answer_that_is_gone_on_from_names_its_session_whatever_else_does():
    first = key(asking("hi"))
    again = asking("and then?", previous_response_id=f"resp_{first}{'0' * 16}", user="7")

    assert key(again, {"x-session-id": "5"}) == first


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "resp_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e77",
        f"resp_{named('S', 'bob')}{'0' * 16}",
        f"resp_{named('S')}",
        f"resp_{named('S').upper()}{'0' * 16}",
        f"x{named('S')}{'0' * 16}",
    ],
)
def test_an_answer_of_nobody_or_somebody_else_names_no_session(answer):
    assert key(asking("hi", previous_response_id=answer)) == key(asking("hi"))


@pytest.mark.parametrize(
    "name", ["x" * 257, "x" * 10_000, "a\x00b", "a\nb", "a\x1bb", "\u202egnp", "a\ud7ffb"]
)
def test_an_absurd_name_is_the_clients_fault(name):
    with pytest.raises(BadRequestError, match="session id"):
        named(name)
    with pytest.raises(BadRequestError, match="session id"):
        key({"metadata": {"user_id": json.dumps({"session_id": name})}})


@pytest.mark.parametrize("name", ["x" * 256, "../../etc", "*", "{}:%", "Jürgen Müller", "会話"])
def test_an_odd_name_is_hashed_like_any_other(name):
    assert len(named(name)) == 32


OPENING = key(asking("hello", system="be kind"))


@pytest.mark.parametrize(
    "body",
    [
        # Later turns do not matter.
        {
            **asking("hello", system="be kind"),
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": "hi"},
                {"role": "system", "content": "a reminder"},
                {"role": "user", "content": "more"},
            ],
        },
        # A string is one block.
        asking([{"type": "text", "text": "hello"}], system=[{"type": "text", "text": "be kind"}]),
        # Nor does it matter what is cached, or in which order keys come.
        asking(
            [{"cache_control": {"type": "ephemeral"}, "text": "hello", "type": "text"}],
            system=[
                {
                    "text": "be kind",
                    "cache_control": {"type": "ephemeral", "ttl": "1h"},
                    "type": "text",
                }
            ],
        ),
        # Another model of the family continues the conversation.
        {**asking("hello", system="be kind"), "model": "claude-opus-4-1", "max_tokens": 7},
        # Chat completions and responses say the same in their own way.
        {
            "model": "opus",
            "messages": [
                {"role": "system", "content": "be kind"},
                {"role": "user", "content": "hello"},
            ],
        },
        {"model": "opus", "instructions": "be kind", "input": "hello"},
        {
            "model": "opus",
            "instructions": "be kind",
            "input": [{"role": "user", "content": "hello"}],
        },
    ],
)
def test_a_conversation_without_a_name_is_known_by_its_opening(body):
    assert key(body) == OPENING


@pytest.mark.parametrize(
    "body",
    [
        asking("hello"),
        asking("hello!", system="be kind"),
        asking("hello", system="be rude"),
        {**asking("hello", system="be kind"), "model": "claude-haiku-4-5"},
        asking([{"type": "image", "source": {"data": "hello"}}], system="be kind"),
    ],
)
def test_another_opening_is_another_conversation(body):
    assert key(body) != OPENING


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "opus"},
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "hi"}]},
        {"input": []},
    ],
)
def test_a_request_that_opens_nothing_has_no_session(body):
    assert key(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b'{"model":"opus"',
        b'{"model":"opus"} {}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'\xef\xbb\xbf{"model":"opus"}',
        '{"model":"opus"}'.encode("utf-16"),
        b'{"model":"\xff\xfe"}',
        b'{"model":"\\ud800"}',
        b'{"model":5}',
        b'{"stream":"yes"}',
        b'{"metadata":[]}',
        b'{"metadata":{"user_id":7}}',
        b'{"user":{}}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"messages":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b"[" * 100_000,
    ],
)
def test_what_is_no_request_is_refused_quickly(body):
    began = time.perf_counter()
    with pytest.raises(BadRequestError):
        peek(body)

    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize(
    "messages",
    [
        b'"hello"',
        b"7",
        b"[7]",
        b'[{"role":7}]',
        b'[{"role":"user","content":"\xff"}]',
        b'[{"role":"user","content":"\\ud800x"}]',
        b'[{"role":"user","content":' + b"[" * 900 + b"]" * 900 + b"}]",
        b'[{"role":"user","content":' + b"9" * 100_000 + b"}]",
    ],
)
def test_a_conversation_that_cannot_be_read_is_refused_or_named_but_never_upsets(messages):
    began = time.perf_counter()
    try:
        found = session_key("alice", {}, peek(b'{"messages":' + messages + b"}"))
    except BadRequestError:
        found = None

    assert found is None or len(found) == 32
    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' + b"9" * 100_000 + b"}",
        b'{"model":"a","model":"b"}',
        b'{"a":"\xff"}',
        b'{"model":null,"stream":null,"metadata":null,"user":null,"session_id":null}',
        b'{"metadata":{"anything":[1,2],"user_id":null}}',
    ],
)
def test_what_does_not_concern_routing_passes(body):
    assert session_key("alice", {}, peek(body)) is None


def test_a_named_conversation_is_not_read():
    seen = peek(b'{"messages":"no list","session_id":"S"}')

    assert session_key("alice", {}, seen) == named("S")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)
fields = st.sampled_from(
    ["model", "stream", "metadata", "messages", "system", "input", "user", "x"]
)


@given(st.dictionaries(fields, json_values) | json_values)
def test_any_json_is_named_or_refused(body):
    try:
        found = session_key("alice", {}, peek(json.dumps(body).encode()))
    except BadRequestError:
        return

    assert found is None or len(found) == 32


@given(st.binary(max_size=200))
def test_any_bytes_are_named_or_refused(body):
    try:
        seen = peek(body)
    except BadRequestError:
        return

    assert session_key("alice", {}, seen) is None


@pytest.mark.parametrize(
    ("system", "question"),
    [
        ("b" + "x" * 50_000, "hello"),
        ("a" + "x" * 50_000, "hello, again"),
        ("a" + "x" * 50_001, "hello"),
    ],
)
def test_long_openings_are_told_apart_by_beginning_end_and_length(system, question):
    def key(system, question):
        messages = [{"role": "user", "content": question}]
        body = json.dumps({"model": "m", "system": system, "messages": messages})
        return session_key("alice", {}, peek(body.encode()))

    assert key(system, question) == key(system, question)
    assert key(system, question) != key("a" + "x" * 50_000, "hello")

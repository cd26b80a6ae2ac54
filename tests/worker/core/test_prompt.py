import json

import pytest

from worker.core.prompt import Prompt, blocks_of, decode_prompt
from worker.errors import BadRequestError

ASK = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"name": "look", "input_schema": {"type": "object"}}


def prompt(**fields: object) -> Prompt:
    return decode_prompt(json.dumps(ASK | fields).encode())


def environment(**fields: object) -> dict[str, str]:
    return prompt(**fields).settings({})["env"]


def extra(**fields: object) -> dict[str, object]:
    return json.loads(environment(**fields)["CLAUDE_CODE_EXTRA_BODY"])


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"{", "truncated"),
        (b"[]", "Expected `object`"),
        (b"\xff", "malformed|utf"),
        (b"{}", "model"),
        (json.dumps(ASK | {"messages": []}).encode(), "messages"),
        (json.dumps(ASK | {"messages": [{"role": "user", "content": 7}]}).encode(), "content"),
        (json.dumps(ASK | {"max_tokens": 0}).encode(), "max_tokens"),
        (json.dumps(ASK | {"temperature": "warm"}).encode(), "temperature"),
    ],
)
def test_a_request_that_is_none_is_refused_with_the_place(raw, place):
    with pytest.raises(BadRequestError, match=place):
        decode_prompt(raw)


def test_fields_that_nobody_knows_are_the_providers_business():
    assert prompt(surprise=[1], context_management={"edits": []}).model == "claude-x"


@pytest.mark.parametrize(
    ("system", "texts"),
    [
        ("Be brief.", ["Be brief."]),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], ["a", "b"]),
        (None, []),
    ],
)
def test_the_system_prompt_is_read_in_both_forms(system, texts):
    assert prompt(system=system).system_texts() == texts


def test_the_model_is_the_one_the_map_names():
    assert prompt().settings({})["model"] == "claude-x"
    assert prompt().settings({"claude-x": "opus"})["model"] == "opus"


def test_sampling_goes_to_the_provider_as_it_is():
    assert extra(temperature=0.2, top_p=0.9, top_k=5, stop_sequences=["X"]) == {
        "temperature": 0.2,
        "top_p": 0.9,
        "top_k": 5,
        "stop_sequences": ["X"],
    }
    assert extra() == {}


def test_every_setting_is_set_anew_for_each_turn():
    assert environment(max_tokens=77) == {
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "77",
        "CLAUDE_CODE_DISABLE_THINKING": "1",
        "CLAUDE_CODE_EXTRA_BODY": "{}",
    }


@pytest.mark.parametrize("thinking", [None, {"type": "disabled"}])
def test_without_thinking_there_is_none(thinking):
    assert environment(thinking=thinking)["CLAUDE_CODE_DISABLE_THINKING"] == "1"
    assert "thinking" not in extra(thinking=thinking)


def test_thinking_is_the_clients():
    thinking = {"type": "enabled", "budget_tokens": 1024}

    assert environment(thinking=thinking)["CLAUDE_CODE_DISABLE_THINKING"] == ""
    assert extra(thinking=thinking) == {"thinking": thinking}


def test_a_choice_of_tool_names_it_as_the_cli_does():
    choice = {"type": "tool", "name": "look"}

    assert extra(tools=[TOOL], tool_choice=choice) == {
        "tool_choice": {"type": "tool", "name": "mcp__c__look"}
    }
    assert extra(tools=[TOOL], tool_choice={"type": "any"}) == {"tool_choice": {"type": "any"}}
    assert extra(tools=[TOOL]) == {}


@pytest.mark.parametrize(
    "tool", [{"type": "web_search_20250305", "name": "web_search"}, {"description": "nameless"}]
)
def test_tools_that_the_client_does_not_run_itself_are_refused(tool):
    with pytest.raises(BadRequestError, match="tools"):
        prompt(tools=[tool]).toolbox()


def test_content_in_its_long_form_has_no_empty_text():
    assert blocks_of("") == []
    assert blocks_of("a") == [{"type": "text", "text": "a"}]
    assert blocks_of([{"type": "text", "text": ""}, {"type": "image"}]) == [{"type": "image"}]

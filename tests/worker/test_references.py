"""Raw settings before they are judged."""

import pytest

from worker.references import resolved, with_variables


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"a": "x-${ONE}-${TWO}"}, {"a": "x-1-2"}),
        ({"a": ["${ONE}", {"b": "${TWO}"}]}, {"a": ["1", {"b": "2"}]}),
        ({"a": 5, "b": None, "c": True}, {"a": 5, "b": None, "c": True}),
        ({"a": "$ONE {ONE} $${"}, {"a": "$ONE {ONE} $${"}),
        ({1: "number"}, {"1": "number"}),
    ],
)
def test_references_are_replaced(raw, expected):
    problems: list[str] = []

    assert resolved(raw, {"ONE": "1", "TWO": "2"}, problems) == expected
    assert problems == []


def test_what_a_reference_brings_in_is_not_read_again(tmp_path):
    (tmp_path / "secret").write_text("${ONE}")
    raw = {"a": "${TWO}", "b_file": str(tmp_path / "secret")}

    assert resolved(raw, {"TWO": "${ONE}"}, []) == {"a": "${ONE}", "b": "${ONE}"}


def test_all_that_is_missing_is_noted(tmp_path):
    problems: list[str] = []
    raw = {"a": {"b": ["${X}", "${Y}"]}, "c_file": str(tmp_path), "d_file": "x", "d": 1}
    resolved(raw, {}, problems)

    assert [problem.partition(":")[0] for problem in problems] == [
        "a.b.0",
        "a.b.1",
        "c_file",
        "d_file",
        "d_file",
    ]


def test_a_variable_displaces_the_file_that_holds_the_secret():
    raw = {"token_file": "/a", "cli": {"warm": 1, "home": "/h"}}
    environ = {"HEADGATE_WORKER_TOKEN": "t", "HEADGATE_WORKER_CLI__WARM": "3", "OTHER": "x"}

    assert with_variables(raw, environ, {"token", "cli"}) == {
        "token": "t",
        "cli": {"warm": "3", "home": "/h"},
    }
    assert raw == {"token_file": "/a", "cli": {"warm": 1, "home": "/h"}}


def test_the_names_of_models_are_kept_as_they_are():
    raw = with_variables({}, {"HEADGATE_WORKER_OPENAI__MODELS__Llama-3": "x"}, ["openai"])

    assert raw == {"openai": {"models": {"Llama-3": "x"}}}

from dataclasses import replace

import pytest

from tests.worker.cli.stand_in import STUBBORN, launch
from worker.cli.selftest import offered_models
from worker.engines.base import Model
from worker.errors import WorkerError

OFFERING = """
import json, sys
asked = json.loads(sys.stdin.readline())
models = [
    {"value": "default", "resolvedModel": "claude-x", "displayName": "Default"},
    {"value": "x", "resolvedModel": "claude-x", "displayName": "X"},
    {"value": "y", "displayName": "Y"},
]
response = {"subtype": "success", "request_id": asked["request_id"], "response": {"models": models}}
print(json.dumps({"type": "control_response", "response": response}), flush=True)
sys.stdin.readline()
"""


async def test_the_models_are_what_the_cli_offers_each_once(tmp_path):
    offered = await offered_models(launch(tmp_path, OFFERING), 5)

    assert offered == [Model("claude-x", "X"), Model("y", "Y")]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import sys; sys.exit('no such flag')", "no such flag"),
        ("", "self-test"),
        ("import time; time.sleep(60)", "self-test"),
        (STUBBORN, "self-test"),
    ],
)
async def test_a_cli_that_does_not_take_our_opening_is_refused(tmp_path, script, reason):
    with pytest.raises(WorkerError, match=reason):
        await offered_models(launch(tmp_path, script), 1)


async def test_a_command_that_does_not_start_is_refused(tmp_path):
    with pytest.raises(WorkerError, match="No such file"):
        await offered_models(replace(launch(tmp_path), command=("/nowhere/claude",)), 1)

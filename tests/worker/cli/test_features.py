"""What is found out about a CLI before it is trusted."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.worker.cli.stand_in import MUTE, OBEDIENT, launch
from tests.worker.engines.cli_rig import settings
from worker.cli.command import launch_of
from worker.cli.features import FEATURES, features
from worker.cli.process import Launch
from worker.cli.selftest import Survey, survey
from worker.errors import UnavailableError, WorkerError


def stand_in(folder: Path, script: str) -> Launch:
    """A stand-in that takes any arguments."""
    made = launch(folder, script)
    return replace(made, command=(*made.command, *made.arguments), arguments=())


@pytest.mark.cli
async def test_the_cli_that_this_worker_is_made_for_has_everything(tmp_path):
    real = launch_of(settings(tmp_path, "http://127.0.0.1:9"))
    found = await survey(real, 30, trial=True)

    assert found.features == dict.fromkeys(FEATURES, True)
    assert found.version.startswith("2.")
    assert found.models
    assert not list(real.scratch.iterdir())


@pytest.mark.parametrize(
    ("script", "patience"), [(OBEDIENT, 20), (MUTE, 0.5), ("raise SystemExit", 20)]
)
async def test_what_never_asks_the_provider_has_nothing_that_must_be_seen_there(
    tmp_path, script, patience
):
    found = await features(stand_in(tmp_path, script), patience)

    assert set(found) == set(FEATURES)
    assert found["partial_messages"] is (script is OBEDIENT)
    assert not any(found[name] for name in FEATURES if name != "partial_messages")


async def test_a_cli_without_what_every_answer_needs_is_refused(tmp_path):
    with pytest.raises(WorkerError, match="settings"):
        await survey(stand_in(tmp_path, OBEDIENT), 20, trial=True)


async def test_a_command_that_does_not_start_is_refused(tmp_path):
    nothing = replace(launch(tmp_path), command=("/nowhere/claude",))
    with pytest.raises(WorkerError, match="does not start"):
        await survey(nothing, 5, trial=True)


async def test_without_a_trial_a_cli_is_believed(tmp_path):
    found = await survey(stand_in(tmp_path, OBEDIENT), 20, trial=False)

    assert found.features == dict.fromkeys(FEATURES, True)


def test_a_request_that_needs_what_is_missing_may_go_to_another_worker():
    found = Survey(features={"history": True, "client_tools": False})
    found.require("history", "effort")

    with pytest.raises(UnavailableError, match="client_tools"):
        found.require("history", "client_tools")

"""The folders in which conversations work."""

import stat

import pytest

from worker.cli.workspaces import Workspaces


@pytest.fixture
async def made(tmp_path):
    async with Workspaces(tmp_path / "root", 60) as workspaces:
        yield workspaces


def test_a_conversation_finds_its_folder_again_and_no_other_does(made):
    with made.entered("alice", "s1") as mine:
        (mine / "note").touch()
    with made.entered("alice", "s1") as again, made.entered("alice", "s2") as other:
        assert again == mine
        assert (again / "note").exists()
        assert not list(other.iterdir())
    with made.entered("bob", "s1") as theirs:
        assert theirs not in (mine, other)
        assert stat.S_IMODE(theirs.stat().st_mode) == 0o700


def test_a_folder_goes_when_nobody_has_worked_in_it_for_long(made):
    with made.entered("alice", "s1") as used, made.entered("alice", "s2") as unused:
        pass
    now = unused.stat().st_mtime
    with made.entered("alice", "s1"):
        made.sweep(now + 50)
        assert unused.exists()
        made.sweep(now + 3600)

        assert used.exists()
        assert not unused.exists()


def test_the_folder_of_a_forgotten_conversation_goes_after_its_last_turn(made):
    with made.entered("alice", "s1") as rested:
        pass
    with made.entered("alice", "s2") as worked:
        for session in ("s1", "s2"):
            made.forget("alice", session)
        made.sweep(worked.stat().st_mtime)
        assert (rested.exists(), worked.exists()) == (False, True)
    made.sweep(1_000_000)

    assert not worked.exists()


def test_a_conversation_that_is_begun_anew_is_no_longer_forgotten(made):
    made.forget("alice", "s1")
    with made.entered("alice", "s1") as folder:
        pass
    made.sweep(folder.stat().st_mtime)

    assert folder.exists()


def test_what_is_no_conversations_folder_stays(made, tmp_path):
    other = tmp_path / "root" / "notes"
    other.mkdir()
    made.sweep(other.stat().st_mtime + 3600)

    assert other.exists()


async def test_kept_folders_stay_for_ever(tmp_path):
    async with Workspaces(tmp_path, None) as kept:
        with kept.entered("alice", "s1") as folder:
            pass
        kept.sweep(folder.stat().st_mtime + 1e9)

        assert folder.exists()

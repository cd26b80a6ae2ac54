"""A login's folder and its one worker."""

import os
from contextlib import ExitStack

import pytest

from worker.cli.lock import locked
from worker.errors import WorkerError


def test_a_second_worker_is_told_who_has_the_folder(tmp_path):
    with locked(tmp_path / "login"), pytest.raises(WorkerError, match=f"pid {os.getpid()}"):
        ExitStack().enter_context(locked(tmp_path / "login"))


def test_a_folder_is_free_again_after_its_worker_and_others_always_were(tmp_path):
    with locked(tmp_path / "one"), locked(tmp_path / "two"):
        pass
    with locked(tmp_path / "one"):
        pass


def test_what_a_worker_before_has_written_is_nobodys(tmp_path):
    (tmp_path / "headgate.lock").write_text("1234567890")
    with locked(tmp_path):
        assert (tmp_path / "headgate.lock").read_text() == str(os.getpid())

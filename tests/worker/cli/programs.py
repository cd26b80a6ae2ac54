"""Whole commands that stand in for the `claude` of an engine."""

import sys
from pathlib import Path

from tests.worker.cli.stand_in import OBEDIENT
from worker.config import CliSettings

_TELLING = """#!{python} -S
import json, os, sys
if sys.argv[1:] == ["--version"]:
    print("2.1.329 (stand-in)"); sys.exit()
if sys.argv[1:2] == ["auth"]:
    print('{{"loggedIn": true, "authMethod": "oauth_token"}}'); sys.exit()
class Heard:
    def __init__(self):
        self.lines = []
    def __iter__(self):
        for line in stdin:
            self.lines.append(json.loads(line))
            self.note()
            yield line
    def note(self):
        told = {{"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}
        with open({notes!r} + "/" + str(os.getpid()), "w") as file:
            json.dump(told | {{"heard": self.lines}}, file)
stdin, sys.stdin = sys.stdin, Heard()
{talk}"""

_HUSHED = """#!/bin/sh
case "$1" in
  --version) echo "2.1.329 (stand-in)"; exit;;
  auth) echo '{"loggedIn": true}'; exit;;
esac
while read -r line; do
  case "$line" in
    *initialize*)
      echo '{"type":"control_response","response":{"subtype":"success","request_id":""}}';;
    *talk*)
      echo '{"type":"system","subtype":"init"}'
      echo '{"type":"stream_event","event":{"type":"message_start","message":{"usage":{}}}}'
      echo '{"type":"stream_event","event":{"type":"content_block_delta","delta":{}}}';;
  esac
done
"""


def telling(folder: Path, **fields: object) -> CliSettings:
    """A command that writes down how it was started and what it was told, one file a process."""
    notes = folder / "notes"
    notes.mkdir()
    script = _TELLING.format(python=sys.executable, notes=str(notes), talk=OBEDIENT)
    return _settings(folder, script, **fields)


def hushed(folder: Path, **fields: object) -> CliSettings:
    """A command that begins an answer where the prompt says `talk`, and never ends one."""
    return _settings(folder, _HUSHED, **fields)


def _settings(folder: Path, script: str, **fields: object) -> CliSettings:
    command, home = folder / "claude", folder / "home"
    command.write_text(script)
    command.chmod(0o755)
    usual = {"warm": 0, "selftest": False, "home": home, "config_dir": home / "config"}
    return CliSettings(command=str(command), **(usual | fields))

"""Small programs that stand in for the CLI: they speak its records, and misbehave on demand."""

import sys
from pathlib import Path

from worker.cli.process import Launch

TALKER = """
import json, os, sys
def say(**record):
    print(json.dumps(record), flush=True)
def event(kind, **fields):
    say(type="stream_event", event={"type": kind, **fields})
def answer(text):
    event("message_start", message={"id": "m", "content": [], "usage": {}})
    event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
    event("content_block_stop", index=0)
    event("message_delta", delta={"stop_reason": "end_turn"}, usage={})
    event("message_stop")
    say(type="result", num_turns=1)
for line in sys.stdin:
    said = json.loads(line)
    kind = said["type"]
    if kind == "control_request":
        reply = {"subtype": SUBTYPE, "request_id": said["request_id"], "error": "no"}
        say(type="control_response", response=reply)
    elif kind == "user" and not said["shouldQuery"]:
        say(type="result", num_turns=0)
    elif kind == "user":
        say(type="system", subtype="init")
        words = said["message"]["content"][-1]["text"]
        if words == "die":
            sys.exit(3)
        if words == "babble":
            event("content_block_delta", index="none")
        if words == "hush":
            continue
        answer(words + " " + str(os.getpid()))
"""
OBEDIENT = TALKER.replace("SUBTYPE", repr("success"))
STUBBORN = TALKER.replace("SUBTYPE", repr("error"))
FORGETFUL = OBEDIENT.replace("num_turns=0", "num_turns=0, is_error=True")
MUTE = "import os, time; os.closerange(1, 256); time.sleep(600)"
"""Lives on, and has nothing to say any more."""


def launch(folder: Path, script: str = OBEDIENT) -> Launch:
    """How to start a stand-in."""
    scratch, sessions = folder / "tmp", folder / "sessions"
    scratch.mkdir(exist_ok=True)
    sessions.mkdir(exist_ok=True)
    python = (sys.executable, "-S")
    return Launch(python, ("-c", script), {"X": "1"}, folder, scratch, sessions)

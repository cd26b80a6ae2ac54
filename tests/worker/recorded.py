"""What the real CLI wrote of its failures, and a `claude` that writes it again.

`python -m tests.record_frames` records anew.
"""

import sys
from pathlib import Path

from worker.core.verdict import Kind, Scope, Verdict

RECORDINGS = Path(__file__).parent / "core/recordings"
RESET = 1_790_000_000.0
_BAD = Verdict(Kind.CLIENT_ERROR)
_BROKE = Verdict(Kind.WORKER_ERROR, started=True)
_AUTH = (Verdict(Kind.AUTH, Scope.ACCOUNT), 401, "authentication_error")
_BILLING = (Verdict(Kind.BILLING, Scope.ACCOUNT), 402, "billing_error")
_BROKEN = (_BROKE, 502, "api_error")
_INVALID = (_BAD, 400, "invalid_request_error")
_OVERLOADED = (Verdict(Kind.OVERLOADED), 529, "overloaded_error")


def _limited(kind: Kind, scope: Scope = Scope.ACCOUNT, **told: float):
    return Verdict(kind, scope, **told), 429, "rate_limit_error"


FAILURES = {
    "fault_rejected": _limited(Kind.QUOTA, until=RESET),
    "fault_burst": _limited(Kind.BURST),
    "fault_throttled": _limited(Kind.BURST),
    "fault_long_context": _INVALID,
    "fault_overloaded": _OVERLOADED,
    "fault_error_first": _OVERLOADED,
    "fault_500": (_BROKE, 500, "api_error"),
    "fault_401": _AUTH,
    "fault_403": _AUTH,
    "fault_org_not_allowed": _AUTH,
    "fault_credit": _BILLING,
    "fault_402": _BILLING,
    "fault_too_long": _INVALID,
    "fault_400": _INVALID,
    "fault_413": (_BAD, 413, "request_too_large"),
    "fault_404": (_BAD, 404, "not_found_error"),
    "fault_refused": _BROKEN,
    "fault_cut": _BROKEN,
    "fault_empty": _BROKEN,
    "fault_json_error": _BROKEN,
    "fault_error_mid": _BROKEN,
    "keyed_401": _AUTH,
    "keyed_burst": _limited(Kind.BURST, retry_after=2.125),
    "keyed_throttled": _limited(Kind.THROTTLED, Scope.REQUEST),
    "keyed_long_context": _INVALID,
    "keyed_overloaded": _OVERLOADED,
    "keyed_untold": _limited(Kind.QUOTA, retry_after=61),
}
"""Verdict, status and error type by the name of the recording."""

PLAYER = """#!{python} -S
import json, pathlib, sys
if "--version" in sys.argv:
    sys.exit(print("2.1.329 (recorded)"))
if "auth" in sys.argv:
    sys.exit(print('{{"loggedIn": true}}'))
for line in sys.stdin:
    said = json.loads(line)
    if said["type"] == "control_request":
        reply = {{"subtype": "success", "request_id": said["request_id"], "response": {{}}}}
        print(json.dumps({{"type": "control_response", "response": reply}}), flush=True)
    elif said["type"] == "user" and not said["shouldQuery"]:
        print('{{"type": "result", "num_turns": 0}}', flush=True)
    elif said["type"] == "user":
        name = said["message"]["content"][-1]["text"]
        print(pathlib.Path("{recordings}", name + ".jsonl").read_text(), end="", flush=True)
"""


def player(folder: Path) -> str:
    """A command that answers a question with the recording of that name."""
    file = folder / "claude"
    file.write_text(PLAYER.format(python=sys.executable, recordings=RECORDINGS))
    file.chmod(0o755)
    return str(file)

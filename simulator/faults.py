"""Everything a provider can do wrong, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from simulator.errors import bad_request

_PLACES = {"head", "start", "mid", "last"}


class Evidence(StrEnum):
    """What a refusal says of limits: nothing, the windows as they stand, or one rejected."""

    NONE = "none"
    STANDING = "standing"
    REJECTED = "rejected"


class How(StrEnum):
    """How an answer goes wrong at a point of it. END is a clean end; DRIBBLE is byte by byte."""

    CUT = "cut"
    RESET = "reset"
    STALL = "stall"
    END = "end"
    ERROR = "error"
    DRIBBLE = "dribble"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A whole answer that is an error. Status 200 is a success in name only."""

    status: int
    kind: str
    message: str
    evidence: Evidence = Evidence.NONE
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Flaw:
    """`at`: head (before it), start (no event yet), mid, last (the terminal event), or a number.

    `kind` is the error type of an ERROR.
    """

    how: How
    at: str = "mid"
    kind: str = "overloaded_error"

    def __post_init__(self) -> None:
        """Without a head there is no stream to end or to put an event into."""
        headless = self.how in {How.END, How.ERROR} and self.at == "head"
        if headless or not (self.at in _PLACES or self.at.isdecimal()):
            raise bad_request(f"at={self.at} is no place for this fault")


_LIMIT = "rate_limit_error"
_BAD = "invalid_request_error"
_API = "api_error"
FAULTS: Mapping[str, Refusal | Flaw] = {
    "rejected": Refusal(429, _LIMIT, "You have hit your limit.", Evidence.REJECTED),
    "burst": Refusal(429, _LIMIT, "Too many requests at once.", Evidence.STANDING),
    "throttled": Refusal(429, _LIMIT, "Please slow down."),
    "long_context": Refusal(
        429,
        _LIMIT,
        "Extra usage is required for long context requests.",
        code="long_context_credits_required",
    ),
    "529": Refusal(529, "overloaded_error", "Overloaded"),
    "overloaded": Refusal(529, "overloaded_error", "Overloaded"),
    "500": Refusal(500, _API, "Internal server error"),
    "502": Refusal(502, _API, "Bad gateway"),
    "503": Refusal(503, _API, "Service unavailable"),
    "504": Refusal(504, "timeout_error", "Gateway timeout"),
    "401": Refusal(401, "authentication_error", "OAuth token has expired."),
    "403": Refusal(403, "permission_error", "Your account may not use this."),
    "org_not_allowed": Refusal(
        403,
        "permission_error",
        "OAuth authentication is currently not allowed for this organization.",
    ),
    "credit": Refusal(400, _BAD, "Your credit balance is too low to access the Anthropic API."),
    "402": Refusal(402, "billing_error", "There is a billing issue with your account."),
    "too_long": Refusal(400, _BAD, "prompt is too long: 210000 tokens > 200000 maximum"),
    "400": Refusal(400, _BAD, "messages: the request is not valid"),
    "413": Refusal(413, "request_too_large", "Request exceeds the maximum size"),
    "404": Refusal(404, "not_found_error", "model: no such model"),
    "json_error": Refusal(200, _API, "Internal server error"),
    "refused": Flaw(How.RESET, "head"),
    "hang": Flaw(How.STALL, "head"),
    "cut": Flaw(How.CUT),
    "reset": Flaw(How.RESET),
    "stall": Flaw(How.STALL),
    "empty": Flaw(How.END, "start"),
    "no_stop": Flaw(How.END, "last"),
    "error_first": Flaw(How.ERROR, "start"),
    "error_mid": Flaw(How.ERROR),
    "dribble": Flaw(How.DRIBBLE),
}

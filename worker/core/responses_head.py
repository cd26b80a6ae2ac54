"""What is known of a response before it is answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from worker.core.responses_request import ResponsesRequest

_ECHOED: Final[Mapping[str, object]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "user": None,
}
"""What a response repeats of its request, with what stands there where nothing was asked."""


@dataclass(frozen=True, slots=True)
class Head:
    """A response's own words. `created` is in epoch seconds.

    Without `summary` nothing is told of what was thought, without `encrypted` it cannot be sent
    back; with `json` the text is the JSON object in it.
    """

    id: str
    created: int
    model: str
    echo: Mapping[str, object] = field(default_factory=lambda: _ECHOED, repr=False)
    summary: bool = False
    encrypted: bool = False
    json: bool = False

    def item_id(self, kind: str, index: int) -> str:
        """Names an item of the output, apart from those of any other response."""
        return f"{kind}_{self.id.removeprefix('resp_')}{index:04x}"


def head_of(answer: str, created: int, asked: ResponsesRequest, raw: Mapping[str, object]) -> Head:
    """The head of the response to a request; `raw` is the same request, whole."""
    echo = {name: usual if raw.get(name) is None else raw[name] for name, usual in _ECHOED.items()}
    tools = [msgspec.to_builtins(tool) for tool in asked.tools or ()]
    return Head(
        answer,
        created,
        asked.model,
        {**echo, "tools": tools},
        summary=asked.wants_summary,
        encrypted=asked.wants_encrypted,
        json=asked.wants_json,
    )

"""What a request may ask and nobody here honours, by name. No name comes from a client."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from worker.core.translation import decides_by_effort

Wishes = Mapping[str, Sequence[object]]
"""Names of fields, `a.b` within another, with the values beside empty ones that ask for nothing."""

CHAT: Final[Wishes] = {
    "audio": (),
    "frequency_penalty": (),
    "logit_bias": (),
    "metadata": (),
    "moderation": (),
    "prediction": (),
    "presence_penalty": (),
    "seed": (),
    "service_tier": ("auto", "default"),
    "store": (),
    "top_logprobs": (),
    "verbosity": ("medium",),
    "web_search_options": (),
}
RESPONSES: Final[Wishes] = {
    "context_management": (),
    "include": (["reasoning.encrypted_content"],),
    "max_tool_calls": (),
    "moderation": (),
    "service_tier": ("auto", "default"),
    "text.verbosity": ("medium",),
    "top_logprobs": (),
    "truncation": ("disabled",),
}
_UNSENT: Final[Wishes] = {
    "container": (),
    "context_management": (),
    "inference_geo": (),
    "mcp_servers": (),
    "service_tier": ("auto", "standard_only"),
    "speed": ("standard",),
}
"""What only a Messages API takes that gets the request as it came."""
_BY_ENGINE: Final[Mapping[str, Wishes]] = {
    "api": {},
    "cli": _UNSENT,
    "openai": {**_UNSENT, "top_k": ()},
}
_VAIN_HEADERS: Final = ("anthropic-beta",)

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_value = msgspec.json.Decoder(object)


def in_vain(wishes: Wishes, raw: bytes) -> list[str]:
    """Which of these a body asks for; `raw` is a JSON object."""
    fields = _fields.decode(raw)
    named = {name.partition(".")[0] for name in wishes}
    found = {name: _value.decode(fields[name]) for name in named & fields.keys()}
    return list(_asked(wishes, found))


def in_vain_of(engine: str, request: Mapping[str, object], headers: Mapping[str, str]) -> list[str]:
    """What a Messages API request asks that this engine cannot pass on."""
    wishes = _BY_ENGINE.get(engine, {})
    found = list(_asked(wishes, request))
    if engine == "cli":
        found += _left_out_by_the_cli(request)
    return found + [name for name in _VAIN_HEADERS if wishes and name in headers]


def _left_out_by_the_cli(request: Mapping[str, object]) -> Iterator[str]:
    if not _is_told_effort(str(request.get("model"))):
        yield from _asked({"output_config.effort": ()}, request)
    tools = request.get("tools")
    if isinstance(tools, list) and any(isinstance(t, Mapping) and t.get("strict") for t in tools):
        yield "tools.strict"


def _is_told_effort(model: str) -> bool:
    """Whether the CLI passes an effort on to this model."""
    return decides_by_effort(model) or "opus-4-5" in model


def _asked(wishes: Wishes, fields: Mapping[str, object]) -> Iterator[str]:
    for name, idle in wishes.items():
        outer, _, inner = name.partition(".")
        value = fields.get(outer)
        if inner:
            value = value.get(inner) if isinstance(value, Mapping) else None
        if value not in (None, False, 0, "", [], {}) and value not in idle:
            yield name

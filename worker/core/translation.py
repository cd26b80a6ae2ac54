"""What both OpenAI dialects ask for in the same way, in the words of the Messages API."""

import re
from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec

from worker.core.message import Block
from worker.errors import BadRequestError

MAX_TOKENS: Final = 16_384
"""What an answer may have where the client names no limit: here it must have one."""
JSON_ONLY: Final[Block] = {
    "type": "text",
    "text": "Answer with exactly one JSON object and nothing else: no prose, no code fence.",
}
"""The provider has no mode of JSON without a schema: it is asked for in the system prompt."""
_CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}
_EFFORTS: Final = {
    "minimal": ("low", 1024),
    "low": ("low", 1024),
    "medium": ("medium", 4096),
    "high": ("high", 8192),
    "xhigh": ("xhigh", 12_288),
    "max": ("max", 15_360),
}
"""By what a client calls it: the provider's word for it, and a budget for models without words."""
_VERSION: Final = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_BY_EFFORT: Final = (4, 6)
"""The first version of models that decide by effort how much they think."""
_ARGUMENTS: Final = msgspec.json.Decoder(dict[str, object])


def compact(fields: Mapping[str, object]) -> Block:
    """The fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}


def turns(said: Iterable[tuple[str, Block]]) -> list[Block]:
    """Messages out of roles with blocks: the results of parallel calls are one user's turn."""
    return [
        {"role": role, "content": [block for _, block in blocks]}
        for role, blocks in groupby(said, key=itemgetter(0))
    ]


def text(words: str) -> Block:
    """Words as a block."""
    return {"type": "text", "text": words}


def document(url: str, where: str, title: str | None) -> Block:
    """A file as a block, under its name."""
    return compact({"type": "document", "source": source(url, where), "title": title or None})


def source(url: str, where: str) -> Block:
    """What a URL stands for: the text or the base64 of a `data:` URL, or what is to be fetched."""
    scheme, _, rest = url.partition(":")
    if scheme.lower() in ("http", "https"):
        return {"type": "url", "url": url}
    kind, comma, data = rest.partition(",")
    media_type, _, coding = kind.rpartition(";")
    if scheme.lower() != "data" or not comma or coding.strip().lower() != "base64":
        raise BadRequestError(f"{where}: only data: URLs in base64 and http URLs are served")
    named = media_type.partition(";")[0].lower()
    if named.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": _plain(data, where)}
    return {"type": "base64", "media_type": named, "data": data}


def _plain(data: str, where: str) -> str:
    """The provider takes text as text only."""
    try:
        return a2b_base64(data).decode()
    except ValueError as exc:
        raise BadRequestError(f"{where}: the text must be UTF-8 in base64") from exc


def tool_use(call_id: str, name: str, arguments: str) -> Block:
    """A call of a function as the model made it."""
    try:
        given = _ARGUMENTS.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError) as exc:
        raise BadRequestError(f"the arguments of {name} must be the JSON of an object") from exc
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


class Function(msgspec.Struct):
    """What a client offers to be called."""

    name: str
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


def custom_tool(function: Function) -> Block:
    """A function as a tool of the client's own."""
    schema = {"type": "object", **(function.parameters or {})}
    told = {"name": function.name, "description": function.description, "input_schema": schema}
    return compact({**told, "strict": function.strict or None})


def choice(wanted: str | Block | None, *, parallel: bool | None) -> Block | None:
    """Which tools may be called, and whether several at once; a function's choice is a block."""
    match wanted:
        case dict():
            found = wanted
        case None | "auto" | "required" | "none":
            found = {"type": _CHOICES[wanted or "auto"]}
        case _:
            raise BadRequestError("tool_choice: must be auto, required, none or a function")
    if parallel is False and found["type"] != "none":
        return {**found, "disable_parallel_tool_use": True}
    return found if wanted else None


def schema_format(schema: Mapping[str, object]) -> Block:
    """The form of an answer that keeps to a schema."""
    return {"type": "json_schema", "schema": schema}


def output_config(form: Block | None, effort: str | None) -> Block | None:
    """How an answer is to be made; None if nothing was asked of it."""
    return compact({"format": form, "effort": effort}) or None


def thinking(effort: str | None, model: str) -> tuple[Block | None, str | None]:
    """How to think, and with which effort, for what a client calls the effort of reasoning."""
    if effort is None:
        return None, None
    if effort == "none":
        return {"type": "disabled"}, None
    if effort not in _EFFORTS:
        raise BadRequestError(f"reasoning effort: must be none or one of {', '.join(_EFFORTS)}")
    word, budget = _EFFORTS[effort]
    if decides_by_effort(model):
        return {"type": "adaptive"}, word
    return {"type": "enabled", "budget_tokens": budget}, None


def decides_by_effort(model: str) -> bool:
    """Whether a model is told how much to think in a word; a name without a version is today's."""
    version = _VERSION.search(model)
    return version is None or (int(version[1]), int(version[2] or 0)) >= _BY_EFFORT

"""Raw settings: `${VAR}`, `name_file` and variables, put together before they are judged."""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

PREFIX: Final = "HEADGATE_WORKER_"
_VERBATIM: Final = ("environment", "headers", "models", "query")
"""Mappings whose keys are other people's names: their case is kept."""
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILE: Final = "_file"

Raw = dict[str, object]


def with_variables(raw: Raw, environ: Mapping[str, str], known: Collection[str]) -> Raw:
    """Put `HEADGATE_WORKER_*` above the raw settings: `…_CLI__WARM=3` is `cli.warm`.

    Variables that name no setting are passed over: Kubernetes makes up `HEADGATE_WORKER_PORT` and
    more for a service of that name.
    """
    for path, value in _variables(environ):
        if path[0].removesuffix(_FILE) in known:
            raw = _with(raw, path, value)
    return raw


def resolved(
    value: object, environ: Mapping[str, str], problems: list[str], path: str = ""
) -> object:
    """Replace `${VAR}`, and `name_file: path` by `name: content`; note what cannot be."""
    if isinstance(value, str):
        missing = [name for name in _REFERENCE.findall(value) if name not in environ]
        problems += [f"{path}: the variable {name} is not set" for name in missing]
        return _REFERENCE.sub(lambda match: environ.get(match[1], ""), value)
    if isinstance(value, list):
        return [resolved(v, environ, problems, f"{path}.{i}") for i, v in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found: Raw = {}
    for key, raw in ((str(key), raw) for key, raw in value.items()):
        where = f"{path}.{key}".lstrip(".")
        inner = resolved(raw, environ, problems, where)
        name = key.removesuffix(_FILE)
        if name != key and name in value:
            problems.append(f"{where}: given beside {name}")
        found[name] = inner if name == key else _content(inner, where, problems)
    return found


def _variables(environ: Mapping[str, str]) -> Iterator[tuple[list[str], str]]:
    for name, value in environ.items():
        if name.startswith(PREFIX):
            parts = name.removeprefix(PREFIX).split("__")
            last = len(parts)
            keep = next((i for i, part in enumerate(parts) if part.lower() in _VERBATIM), last)
            yield [part.lower() for part in parts[: keep + 1]] + parts[keep + 1 :], value


def _with(raw: Raw, path: list[str], value: str) -> Raw:
    """A copy with one value set; a secret and the file that holds it displace each other."""
    first, *rest = path
    if rest:
        inner = raw.get(first)
        return raw | {first: _with(inner if isinstance(inner, dict) else {}, rest, value)}
    name = first.removesuffix(_FILE)
    kept = {key: old for key, old in raw.items() if key not in (name, name + _FILE)}
    return kept | {first: value}


def _content(file: object, where: str, problems: list[str]) -> str | None:
    try:
        return Path(str(file)).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        problems.append(f"{where}: {exc}")
        return None

"""Reading a configuration: YAML, then references, then the environment, then the checks."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from proxy.config.checks import Reading, digest_of
from proxy.config.document import parse_yaml
from proxy.config.problems import ConfigError, Problem, problem_of
from proxy.config.references import expand
from proxy.config.rules import broken_rules
from proxy.config.schema import Environment, File
from proxy.config.settings import Client, Settings


def load(path: Path) -> Settings:
    """Read the file with the environment. Raises ConfigError with every problem there is."""
    reading = Reading(path.absolute().parent, files={path: digest_of(path)})
    try:
        return parse(_text(path), reading)
    except ConfigError as error:
        raise ConfigError(error.problems, reading.files) from None


def parse(text: str, reading: Reading) -> Settings:
    """Read the text of a file, as `load` does."""
    missing: list[Problem] = []
    try:
        document = expand(parse_yaml(text), missing)
    except RecursionError:
        raise ConfigError([Problem("", "is nested too deeply")]) from None
    file = _merged(document, _environment())
    broken = list(broken_rules(file))
    try:
        checked = File.model_validate(file, context=reading)
    except ValidationError as error:
        broken = [*map(problem_of, error.errors(include_input=False)), *broken]
    if problems := [*missing, *_without_echoes(broken, missing)]:
        raise ConfigError(problems)
    settings = checked.value(reading)
    if shared := list(_shared_keys(settings.clients, len(checked.clients))):
        raise ConfigError(shared)
    return settings


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError([Problem("", f"cannot read {path}: {reason}")]) from None


def _shared_keys(clients: Sequence[Client], listed: int) -> Iterator[Problem]:
    """Two clients with one key or one name, wherever each is written."""
    first: dict[bytes | str, str] = {}
    for index, client in enumerate(clients):
        path = f"clients[{index}]" if index < listed else f"clients_file[{index - listed}]"
        if (owner := first.setdefault(client.digest, path)) != path:
            yield Problem(path, f"has the key of {owner}")
        if (owner := first.setdefault(client.name, path)) != path:
            yield Problem(f"{path}.name", f"is that of {owner} already")


def _environment() -> dict[str, Any]:
    """What `HEADGATE_*` variables say. Unknown ones are left alone: Kubernetes makes some up."""
    try:
        return EnvSettingsSource(Environment)()
    except SettingsError as error:
        raise ConfigError([Problem("", str(error))]) from None


def _merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    both = {k: _merged(low[k], high[k]) for k in low if _is_map(low[k]) and _is_map(high.get(k))}
    return {**low, **high, **both}


def _is_map(value: object) -> bool:
    return isinstance(value, dict)


def _without_echoes(broken: list[Problem], missing: list[Problem]) -> Iterator[Problem]:
    """Drop what is wrong only because a variable is missing."""
    known = {problem.path for problem in missing}
    return (problem for problem in broken if problem.path not in known)

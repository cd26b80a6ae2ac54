"""Rules between entries, looked at in the file itself so that they are reported with all else."""

from collections.abc import Iterator, Mapping, Sequence

from proxy.config.address import Address
from proxy.config.problems import Problem

_CLIENT_KEYS = ("key", "key_hash", "key_file")
_LOGIN_KEYS = (
    "oauth",
    "oauth_token",
    "oauth_token_file",
    "api_key",
    "api_key_file",
    "bedrock",
    "vertex",
)
_BY_KEY = ("api", "openai")
_LOCAL_ONLY = ("engine", "command", "base_url", "cli")
_TLS_FILES = ("ca_file", "cert_file", "key_file")
_REMOTE_ONLY = ("token", "token_file", "headers")


def broken_rules(file: Mapping[str, object]) -> Iterator[Problem]:
    """Every rule that the file breaks, whatever else is wrong with it."""
    clients, accounts = _entries(file, "clients"), _entries(file, "accounts")
    if not accounts and "discovery" not in file:
        listed = file.get("accounts") == []
        yield Problem("accounts", "should name at least one" if listed else "is missing")
    yield from _twice("clients", clients, ("name", "key"))
    yield from _twice("accounts", accounts, ("name",))
    if not clients and "clients_file" not in file:
        yield from _exposed(file.get("listen"))
    for path, entry in _numbered("clients", clients):
        yield from _one_of(path, entry, _CLIENT_KEYS)
    for path, entry in _numbered("accounts", accounts):
        yield from _account(path, entry)
    yield from _token("admin", file.get("admin"))
    yield from _token("discovery", file.get("discovery"))
    yield from _store(file.get("store"))


def _entries(file: Mapping[str, object], key: str) -> Sequence[object]:
    value = file.get(key)
    return value if isinstance(value, list) else ()


def _numbered(key: str, entries: Sequence[object]) -> Iterator[tuple[str, Mapping[object, object]]]:
    for index, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield f"{key}[{index}]", entry


def _twice(key: str, entries: Sequence[object], fields: Sequence[str]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for path, entry in _numbered(key, entries):
        for field in fields:
            value = entry.get(field)
            if isinstance(value, str) and seen.setdefault((field, value), path) != path:
                yield Problem(f"{path}.{field}", f"is that of {seen[field, value]} already")


def _exposed(listen: object) -> Iterator[Problem]:
    if not isinstance(listen, str):
        return
    try:
        address = Address.parse(listen)
    except ValueError:
        return
    if not address.loopback:
        yield Problem("listen", "without clients only a loopback address is served")


def _account(path: str, entry: Mapping[object, object]) -> Iterator[Problem]:
    yield from _one_of(path, entry, ("url", "login"))
    yield from _token(path, entry)
    stray = _LOCAL_ONLY if "url" in entry else _REMOTE_ONLY
    for field in stray:
        if field in entry:
            other = "login" if "url" in entry else "url"
            yield Problem(f"{path}.{field}", f"belongs to an account with {other}")
    login = entry.get("login")
    if isinstance(login, dict):
        yield from _one_of(f"{path}.login", login, _LOGIN_KEYS)
    if entry.get("engine") in _BY_KEY and "url" not in entry:
        yield from _by_key(path, entry)


def _by_key(path: str, entry: Mapping[object, object]) -> Iterator[Problem]:
    engine, login = entry["engine"], entry.get("login")
    keys = login if isinstance(login, dict) else ()
    if "api_key" not in keys and "api_key_file" not in keys:
        yield Problem(f"{path}.engine", f"{engine} needs a login by api_key")
    if engine == "openai" and "base_url" not in entry:
        yield Problem(
            f"{path}.engine", "openai needs a base_url, such as http://127.0.0.1:11434/v1"
        )


def _token(path: str, entry: object) -> Iterator[Problem]:
    if isinstance(entry, dict) and "token" in entry and "token_file" in entry:
        yield Problem(path, "takes token or token_file, not both")


def _store(entry: object) -> Iterator[Problem]:
    if not isinstance(entry, dict):
        return
    if "password" in entry and "password_file" in entry:
        yield Problem("store", "takes password or password_file, not both")
    files = [name for name in _TLS_FILES if name in entry]
    if files and not str(entry.get("url", "")).startswith("rediss"):
        yield Problem(f"store.{files[0]}", "belongs to an address with rediss")
    if ("cert_file" in entry) != ("key_file" in entry):
        yield Problem("store", "takes cert_file and key_file together")


def _one_of(path: str, entry: Mapping[object, object], fields: Sequence[str]) -> Iterator[Problem]:
    found = [field for field in fields if field in entry]
    if not found:
        yield Problem(path, f"needs one of {', '.join(fields)}")
    elif len(found) > 1:
        yield Problem(path, f"takes only one of {', '.join(found)}")

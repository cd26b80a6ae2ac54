"""The types of the configuration's values: each checks, and some read, what the file says."""

import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_settings import NoDecode

from proxy.config.address import Address
from proxy.config.keys import raw_clients
from proxy.core.account import NAME
from proxy.store.address import StoreAddress

_OURS = {"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade"}
_SAMPLES = re.compile(
    r"(?i)change-?_?me|example|placeholder|your-?_?(api-?_?)?key|^(secret|password|default|admin)$"
)
_SHORTEST = 16
_SAMPLE_DIGESTS = {
    hashlib.sha256(sample).hexdigest()
    for sample in (b"", b"changeme", b"change-me", b"example", b"secret", b"password", b"admin")
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a check may need to know: where relative paths start, and where warnings go.

    `files` gets every file that was read, with the digest of what it held ("" if it was not there).
    """

    folder: Path
    warnings: list[str] = field(default_factory=list)
    files: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, info: ValidationInfo) -> "Reading":
        """The reading that a check is part of."""
        return info.context if isinstance(info.context, Reading) else cls(Path())


def digest_of(path: Path) -> str:
    """The digest of what a file holds, "" if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _address(value: object) -> Address:
    if not isinstance(value, str):
        raise ValueError("should be host:port, such as 127.0.0.1:8080")  # noqa: TRY004 (pydantic's)
    return Address.parse(value)


def _url(value: str) -> str:
    parts = urlsplit(value)
    plain = re.fullmatch(r"https?://[!-~]+", value) and parts.hostname and parts.port != 0
    if not plain:
        raise ValueError("should be an address such as http://127.0.0.1:9101")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("should have no credentials, query or fragment")
    return value.rstrip("/")


def _secret(value: str) -> str:
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("should be printable ASCII without spaces, and not empty")
    return value


def _not_a_sample(value: str) -> str:
    if _SAMPLES.search(value):
        raise ValueError("is a sample: make a secret of your own (headgate keys new)")
    if len(value) < _SHORTEST:
        raise ValueError(f"should have {_SHORTEST} characters at least (headgate keys new)")
    return value


def _place(value: str, info: ValidationInfo) -> str:
    return str(Reading.of(info).folder / Path(value).expanduser())


def _content(place: str, info: ValidationInfo) -> str:
    path = Path(place)
    Reading.of(info).files[path] = digest_of(path)
    try:
        text = path.read_text().strip()
        _warn_if_open(path, info)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ValueError(f"cannot read {place}: {reason}") from None
    return text


def _warn_if_open(path: Path, info: ValidationInfo) -> None:
    if path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        Reading.of(info).warnings.append(f"{path} is open to every user of this machine")


def _header_name(value: str) -> str:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value):
        raise ValueError("is not the name of a header")
    if value.lower() in _OURS or value.lower().startswith("x-headgate-"):
        raise ValueError("is set by headgate itself")
    return value.lower()


def _header_value(value: str) -> str:
    if not re.fullmatch(r"[!-~]([ -~]*[!-~])?", value):
        raise ValueError("should be printable ASCII, and not empty")
    return value


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError("should be 1 to 64 of letters, digits and . _ -")
    return value


def _digest(value: str) -> str:
    if not re.fullmatch(r"sha256:[0-9a-fA-F]{64}", value):
        raise ValueError("should be sha256: and 64 hex digits (headgate keys new)")
    digest = value.removeprefix("sha256:").lower()
    if digest in _SAMPLE_DIGESTS:
        raise ValueError("is that of a sample: make a key of your own (headgate keys new)")
    return digest


def _store(value: object) -> object:
    if value is None or value == "memory":
        return None
    if not isinstance(value, str | dict):
        raise ValueError("should be memory, or such as redis://host:6379")  # noqa: TRY004 (pydantic's)
    return {"url": value} if isinstance(value, str) else value


def _store_url(value: object) -> StoreAddress:
    if not isinstance(value, str):
        raise ValueError("should be such as redis://host:6379")  # noqa: TRY004 (pydantic's)
    return StoreAddress.parse(value)


def _readable(value: str) -> str:
    if not os.access(value, os.R_OK):
        raise ValueError(f"cannot read {value}")
    return value


def _named(address: Address) -> Address:
    if not address.port:
        raise ValueError("should name the port of the workers, such as workers.internal:9100")
    return address


def _for_worker(value: dict[str, object]) -> dict[str, object]:
    if ours := sorted(set(value) & {"command", "config_dir", "environment", "home"}):
        raise ValueError(f"should leave {', '.join(ours)} to the account and its login")
    return value


def _login(value: object) -> object:
    return {"oauth": True} if value == "oauth" else value


def _keys(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str) or not value:
        raise ValueError("should be the path of a file")
    path = Path(_place(value, info))
    Reading.of(info).files[path] = digest_of(path)
    clients = raw_clients(path)
    _warn_if_open(path, info)
    return clients


Name = Annotated[str, AfterValidator(_name)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Url = Annotated[str, AfterValidator(_url)]
Listen = Annotated[Address, NoDecode, BeforeValidator(_address)]
Target = Annotated[Listen, AfterValidator(_named)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
StoreUrl = Annotated[StoreAddress, BeforeValidator(_store_url)]
StoreShape = BeforeValidator(_store)
LoginShape = BeforeValidator(_login)
KeysFile = BeforeValidator(_keys)
ForWorker = AfterValidator(_for_worker)

Place = Annotated[str, Field(min_length=1), AfterValidator(_place)]
"""A path; relative ones start at the folder of the configuration file."""

Readable = Annotated[Place, AfterValidator(_readable)]
"""A path of a file that is there."""

Credential = Annotated[str, AfterValidator(_secret)]
"""Something that others gave us."""

Secret = Annotated[Credential, AfterValidator(_not_a_sample)]
"""Something that guards us, which is why samples will not do."""

CredentialFile = Annotated[Place, AfterValidator(_content), AfterValidator(_secret)]
SecretFile = Annotated[CredentialFile, AfterValidator(_not_a_sample)]
"""A path in the file; its content from here on."""

Digest = Annotated[str, AfterValidator(_digest)]
"""`sha256:` and hex digits in the file, the digits alone from here on."""

"""The shape of the configuration file, checked by pydantic, which stays in this package."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from proxy.config.accounts import AccountEntry, DiscoveryEntry, Entry
from proxy.config.checks import (
    Credential,
    CredentialFile,
    Digest,
    KeysFile,
    Listen,
    Name,
    Place,
    Positive,
    Readable,
    Reading,
    Secret,
    SecretFile,
    StoreShape,
    StoreUrl,
)
from proxy.config.settings import (
    ADMIN,
    DATA,
    Admin,
    Affinity,
    Client,
    Count,
    Gate,
    Limits,
    Pause,
    Priority,
    Probing,
    Queue,
    Retries,
    Settings,
    SharedStore,
    Timeouts,
    Usage,
)
from proxy.core.account import ModelFamily
from proxy.core.bill import Price
from proxy.core.quota import ClientLimits
from proxy.store.address import Link, Tls

Family = Literal["opus", "sonnet", "haiku", "fable", "other"]


class LimitsEntry(Entry):
    concurrency: Count | None = None
    requests_per_minute: Positive | None = None
    tokens_per_day: Count | None = None
    models: tuple[str, ...] | None = None
    burst: Count | None = None

    def value(self) -> ClientLimits:
        return ClientLimits(**self.model_dump())


class WhoEntry(Entry):
    """A client apart from its key."""

    name: Name
    priority: Priority = Priority.INTERACTIVE
    limits: LimitsEntry = LimitsEntry()
    revoked: bool = False

    def named(self, digest: str) -> Client:
        return Client(
            self.name, bytes.fromhex(digest), self.priority, self.limits.value(), self.revoked
        )


class ClientEntry(WhoEntry):
    key: Secret | None = None
    key_hash: Digest | None = None
    key_file: SecretFile | None = None

    def value(self) -> Client:
        key = self.key or self.key_file or ""
        return self.named(self.key_hash or hashlib.sha256(key.encode()).hexdigest())


class KeyEntry(WhoEntry):
    """A client in the file that `headgate keys` writes."""

    key_hash: Digest

    def value(self) -> Client:
        return self.named(self.key_hash)


class PriceEntry(Entry):
    """USD for a million tokens."""

    input: Pause
    output: Pause
    cache_read: Pause
    cache_write: Pause

    def value(self) -> Price:
        return Price(**self.model_dump())


class AdminEntry(Entry):
    listen: Listen = ADMIN
    token: Secret | None = None
    token_file: SecretFile | None = None

    def value(self) -> Admin:
        return Admin(self.listen, self.token or self.token_file)


class StoreEntry(Entry):
    url: StoreUrl
    username: Credential | None = None
    password: Credential | None = None
    password_file: CredentialFile | None = None
    ca_file: Readable | None = None
    cert_file: Readable | None = None
    key_file: Readable | None = None
    timeout: Positive = 0.25
    prefix: Name = "headgate"
    replicas: Count = 1

    def value(self) -> SharedStore:
        tls = Tls(self.ca_file, self.cert_file, self.key_file)
        password = self.password or self.password_file
        link = Link(self.url, self.username, password, self.timeout, tls)
        return SharedStore(link, self.prefix, self.replicas)


class File(Entry):
    """The whole file."""

    listen: Listen = DATA
    admin: AdminEntry = AdminEntry()
    store: Annotated[StoreEntry | None, NoDecode, StoreShape] = None
    state_file: Place | None = Field(default="headgate.state", validate_default=True)
    clients: tuple[ClientEntry, ...] = ()
    clients_file: Annotated[tuple[KeyEntry, ...], NoDecode, KeysFile] = ()
    accounts: tuple[AccountEntry, ...] = ()
    discovery: DiscoveryEntry | None = None
    affinity: Affinity = Affinity()
    gate: Gate = Gate()
    queue: Queue = Queue()
    retries: Retries = Retries()
    probing: Probing = Probing()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    usage: Usage = Usage()
    prices: Mapping[Family, PriceEntry] = Field(default_factory=dict)
    expose_account: bool = False

    def value(self, reading: Reading) -> Settings:
        """What the file says, with nothing left to check."""
        return Settings(
            accounts=tuple(a.account() for a in self.accounts if not (a.login or a.disabled)),
            logins=tuple(a.local(a.login) for a in self.accounts if a.login and not a.disabled),
            discovery=self.discovery.value() if self.discovery else None,
            clients=(
                *(client.value() for client in self.clients),
                *(client.value() for client in self.clients_file),
            ),
            listen=self.listen,
            admin=self.admin.value(),
            store=self.store.value() if self.store else None,
            state_file=Path(self.state_file) if self.state_file else None,
            affinity=self.affinity,
            gate=self.gate,
            queue=self.queue,
            retries=self.retries,
            probing=self.probing,
            timeouts=self.timeouts,
            limits=self.limits,
            usage=self.usage,
            prices={ModelFamily(name): price.value() for name, price in self.prices.items()},
            expose_account=self.expose_account,
            warnings=tuple(dict.fromkeys(reading.warnings)),
            files=reading.files,
        )


class Environment(File, BaseSettings):
    """The same keys as `HEADGATE_KEY` and `HEADGATE_GROUP__KEY`; only their source is of use."""

    model_config = SettingsConfigDict(env_prefix="HEADGATE_", env_nested_delimiter="__")

"""The shape of the configuration file, checked by pydantic, which stays in this package."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from proxy.config.checks import (
    Credential,
    CredentialFile,
    Digest,
    HeaderName,
    HeaderValue,
    Listen,
    LoginShape,
    Name,
    Place,
    Positive,
    Readable,
    Reading,
    Secret,
    SecretFile,
    StoreShape,
    StoreUrl,
    Target,
    Url,
)
from proxy.config.settings import (
    ADMIN,
    DATA,
    Admin,
    Affinity,
    Client,
    Count,
    Discovery,
    Gate,
    Limits,
    Login,
    LoginMethod,
    Priority,
    Probing,
    Queue,
    Retries,
    Settings,
    SharedStore,
    Timeouts,
)
from proxy.core.account import Account, AccountName
from proxy.core.quota import ClientLimits
from proxy.store.address import Link, Tls


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class LimitsEntry(_Entry):
    concurrency: Count | None = None
    requests_per_minute: Positive | None = None
    tokens_per_day: Count | None = None
    models: tuple[str, ...] | None = None

    def value(self) -> ClientLimits:
        return ClientLimits(
            self.concurrency, self.requests_per_minute, self.tokens_per_day, self.models
        )


class ClientEntry(_Entry):
    name: Name
    key: Secret | None = None
    key_hash: Digest | None = None
    key_file: SecretFile | None = None
    priority: Priority = Priority.INTERACTIVE
    limits: LimitsEntry = LimitsEntry()
    revoked: bool = False

    def value(self) -> Client:
        key = self.key or self.key_file or ""
        digest = self.key_hash or hashlib.sha256(key.encode()).hexdigest()
        return Client(
            self.name, bytes.fromhex(digest), self.priority, self.limits.value(), self.revoked
        )


class BedrockEntry(_Entry):
    region: Credential
    profile: Credential | None = None
    access_key_id: Credential | None = None
    secret_access_key: Credential | None = None
    session_token: Credential | None = None
    bearer_token: Credential | None = None


class VertexEntry(_Entry):
    region: Credential
    project: Credential
    credentials_file: Place | None = None


class LoginEntry(_Entry):
    """Exactly one key says how; `rules` sees to that."""

    oauth: Annotated[bool, Field(strict=True)] | None = None
    oauth_token: Credential | None = None
    oauth_token_file: CredentialFile | None = None
    api_key: Credential | None = None
    api_key_file: CredentialFile | None = None
    bedrock: BedrockEntry | None = None
    vertex: VertexEntry | None = None

    def value(self) -> tuple[LoginMethod, dict[str, str]]:
        if cloud := self.bedrock or self.vertex:
            method = LoginMethod.BEDROCK if self.bedrock else LoginMethod.VERTEX
            return method, cloud.model_dump(exclude_none=True)
        if token := self.oauth_token or self.oauth_token_file:
            return LoginMethod.OAUTH_TOKEN, {"oauth_token": token}
        if key := self.api_key or self.api_key_file:
            return LoginMethod.API_KEY, {"api_key": key}
        return LoginMethod.OAUTH, {}


class AccountEntry(_Entry):
    name: Name
    url: Url | None = None
    token: Secret | None = None
    token_file: SecretFile | None = None
    headers: dict[HeaderName, HeaderValue] = {}
    concurrency: Count = 6
    weight: Positive = 1.0
    disabled: bool = False
    login: Annotated[LoginEntry, LoginShape] | None = None
    engine: Literal["cli", "api"] = "cli"
    command: str | None = None
    base_url: Url | None = None

    def account(self) -> Account:
        bearer = _bearer(self.token or self.token_file)
        return Account(
            AccountName(self.name),
            self.url or "",
            self.concurrency,
            self.weight,
            plain=bool(self.headers) and not bearer,
            headers=self.headers | bearer,
        )

    def local(self, login: LoginEntry) -> Login:
        method, credentials = login.value()
        return Login(
            name=self.name,
            method=method,
            credentials=credentials,
            concurrency=self.concurrency,
            weight=self.weight,
            engine=self.engine,
            command=self.command,
            base_url=self.base_url,
        )


class DiscoveryEntry(_Entry):
    dns: Target
    token: Secret | None = None
    token_file: SecretFile | None = None
    interval: Annotated[Positive, Field(ge=1)] = 5.0
    concurrency: Count | None = None
    weight: Positive = 1.0

    def value(self) -> Discovery:
        headers = _bearer(self.token or self.token_file)
        return Discovery(self.dns, headers, self.interval, self.concurrency, self.weight)


class AdminEntry(_Entry):
    listen: Listen = ADMIN
    token: Secret | None = None
    token_file: SecretFile | None = None

    def value(self) -> Admin:
        return Admin(self.listen, self.token or self.token_file)


class StoreEntry(_Entry):
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


class File(_Entry):
    """The whole file."""

    listen: Listen = DATA
    admin: AdminEntry = AdminEntry()
    store: Annotated[StoreEntry | None, NoDecode, StoreShape] = None
    state_file: Place | None = Field(default="headgate.state", validate_default=True)
    clients: tuple[ClientEntry, ...] = ()
    accounts: tuple[AccountEntry, ...] = ()
    discovery: DiscoveryEntry | None = None
    affinity: Affinity = Affinity()
    gate: Gate = Gate()
    queue: Queue = Queue()
    retries: Retries = Retries()
    probing: Probing = Probing()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    expose_account: bool = False

    def value(self, reading: Reading) -> Settings:
        """What the file says, with nothing left to check."""
        return Settings(
            accounts=tuple(a.account() for a in self.accounts if not (a.login or a.disabled)),
            logins=tuple(a.local(a.login) for a in self.accounts if a.login and not a.disabled),
            discovery=self.discovery.value() if self.discovery else None,
            clients=tuple(c.value() for c in self.clients),
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
            expose_account=self.expose_account,
            warnings=tuple(dict.fromkeys(reading.warnings)),
            files=reading.files,
        )


def _bearer(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


class Environment(File, BaseSettings):
    """The same keys as `HEADGATE_KEY` and `HEADGATE_GROUP__KEY`; only their source is of use."""

    model_config = SettingsConfigDict(env_prefix="HEADGATE_", env_nested_delimiter="__")

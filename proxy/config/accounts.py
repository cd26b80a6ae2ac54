"""How accounts stand in the file: each by itself, with its login, or found by a name."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from proxy.config.checks import (
    Credential,
    CredentialFile,
    ForWorker,
    HeaderName,
    HeaderValue,
    LoginShape,
    Name,
    Place,
    Positive,
    Secret,
    SecretFile,
    Target,
    Url,
)
from proxy.config.settings import Count, Discovery, Login, LoginMethod
from proxy.core.account import Account, AccountName


class Entry(BaseModel):
    """A mapping in the file, whose keys are all known."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class BedrockEntry(Entry):
    region: Credential
    profile: Credential | None = None
    access_key_id: Credential | None = None
    secret_access_key: Credential | None = None
    session_token: Credential | None = None
    bearer_token: Credential | None = None


class VertexEntry(Entry):
    region: Credential
    project: Credential
    credentials_file: Place | None = None


class LoginEntry(Entry):
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


class AccountEntry(Entry):
    name: Name
    url: Url | None = None
    token: Secret | None = None
    token_file: SecretFile | None = None
    headers: dict[HeaderName, HeaderValue] = {}
    concurrency: Count = 6
    weight: Positive = 1.0
    disabled: bool = False
    login: Annotated[LoginEntry, LoginShape] | None = None
    engine: Literal["cli", "api", "openai"] = "cli"
    command: str | None = None
    base_url: Url | None = None
    cli: Annotated[dict[str, JsonValue], ForWorker] = {}

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
            cli=self.cli,
        )


class DiscoveryEntry(Entry):
    dns: Target
    token: Secret | None = None
    token_file: SecretFile | None = None
    interval: Annotated[Positive, Field(ge=1)] = 5.0
    concurrency: Count | None = None
    weight: Positive = 1.0

    def value(self) -> Discovery:
        headers = _bearer(self.token or self.token_file)
        return Discovery(self.dns, headers, self.interval, self.concurrency, self.weight)


def _bearer(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}

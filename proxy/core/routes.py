"""What is served: the routes, each with the dialect in which it is answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.core.dialect import Dialect, dialect_of
from proxy.errors import MethodNotAllowedError, NotFoundError


@dataclass(frozen=True, slots=True)
class Route:
    """A kind of request. `name` is its label in metrics and in the access line.

    A `generative` one runs a turn on an account: it has a body, a session and a slot. `local`
    ones are answered by the proxy itself, `remembered` ones by all workers together.
    """

    name: str
    dialect: Dialect
    methods: tuple[str, ...]
    generative: bool = False
    local: bool = False
    remembered: bool = False


CAPACITY: Final = "capacity"
"""The route at which clients ask how much room there is."""

_READ = ("GET", "HEAD")
_MODELS = Route("models", Dialect.MESSAGES, _READ)
_SESSIONS = Route("sessions", Dialect.MESSAGES, ("GET",), remembered=True)
_SESSION = Route("session", Dialect.MESSAGES, ("GET", "DELETE"), remembered=True)
_CONVERSATIONS = Route("conversations", Dialect.RESPONSES, ("GET",), remembered=True)
_CONVERSATION = Route("conversation", Dialect.RESPONSES, ("GET", "DELETE"), remembered=True)
_RESPONSE = Route("response", Dialect.RESPONSES, ("GET",), remembered=True)
_NOWHERE = {dialect: Route("none", dialect, ()) for dialect in Dialect}
ROUTES: Final[Mapping[bytes, Route]] = {
    b"/v1/messages": Route("messages", Dialect.MESSAGES, ("POST",), generative=True),
    b"/v1/messages/count_tokens": Route("count_tokens", Dialect.MESSAGES, ("POST",)),
    b"/v1/chat/completions": Route("chat", Dialect.CHAT, ("POST",), generative=True),
    b"/v1/responses": Route("responses", Dialect.RESPONSES, ("POST",), generative=True),
    b"/v1/models": _MODELS,
    b"/v1/sessions": _SESSIONS,
    b"/v1/conversations": _CONVERSATIONS,
    b"/v1/capacity": Route(CAPACITY, Dialect.MESSAGES, ("GET",)),
    b"/version": Route("version", Dialect.MESSAGES, _READ, local=True),
    b"/api/hello": Route("hello", Dialect.MESSAGES, _READ, local=True),
}


_KEYED: Final = re.compile(rb"/v1/(?:sessions/|conversations/|responses/resp_)([0-9a-f]{32})")
_PATTERNS: Final = (
    (re.compile(rb"/v1/models/.+"), _MODELS),
    (re.compile(rb"/v1/sessions/[0-9a-f]{32}"), _SESSION),
    (re.compile(rb"/v1/sessions/[0-9a-f]{32}/transcript"), _SESSIONS),
    (re.compile(rb"/v1/conversations/[0-9a-f]{32}"), _CONVERSATION),
    (re.compile(rb"/v1/conversations/[0-9a-f]{32}/items(/\w+)?"), _CONVERSATIONS),
    (re.compile(rb"/v1/responses/resp_[0-9a-f]{48}"), _RESPONSE),
)


def route_of(path: bytes) -> Route:
    """Name the route of a path, taken literally: what is not listed is nowhere."""
    route = ROUTES.get(path)
    if route is None:
        found = (route for pattern, route in _PATTERNS if pattern.fullmatch(path))
        route = next(found, _NOWHERE[dialect_of(path)])
    return route


def session_of(path: bytes) -> str | None:
    """The key of the one session that a path (of a route that is `remembered`) is about."""
    found = _KEYED.match(path)
    return found and found[1].decode()


def check_method(route: Route, method: str) -> None:
    """Raise what is wrong with asking this of the route; OPTIONS is never wrong."""
    if not route.methods:
        raise NotFoundError("There is no such path here.")
    if method not in route.methods and method != "OPTIONS":
        raise MethodNotAllowedError(f"This path takes {', '.join(route.methods)}.")

"""What is served: the routes, each with the dialect in which it is answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.core.dialect import Dialect, dialect_of
from proxy.errors import MethodNotAllowedError, NotFoundError


@dataclass(frozen=True, slots=True)
class Route:
    """A kind of request. `name` is its label in metrics and in the access line.

    A `generative` one runs a turn on an account: it has a body, a session and a slot. `local`
    ones are answered by the proxy itself.
    """

    name: str
    dialect: Dialect
    methods: tuple[str, ...]
    generative: bool = False
    local: bool = False


_READ = ("GET", "HEAD")
_MODELS = Route("models", Dialect.MESSAGES, _READ)
_NOWHERE = {dialect: Route("none", dialect, ()) for dialect in Dialect}
_MODEL_PREFIX = b"/v1/models/"

ROUTES: Final[Mapping[bytes, Route]] = {
    b"/v1/messages": Route("messages", Dialect.MESSAGES, ("POST",), generative=True),
    b"/v1/messages/count_tokens": Route("count_tokens", Dialect.MESSAGES, ("POST",)),
    b"/v1/chat/completions": Route("chat", Dialect.CHAT, ("POST",), generative=True),
    b"/v1/responses": Route("responses", Dialect.RESPONSES, ("POST",), generative=True),
    b"/v1/models": _MODELS,
    b"/api/hello": Route("hello", Dialect.MESSAGES, _READ, local=True),
}


def route_of(path: bytes) -> Route:
    """Name the route of a path, taken literally: what is not listed is nowhere."""
    route = ROUTES.get(path)
    if route is None and path.startswith(_MODEL_PREFIX) and path != _MODEL_PREFIX:
        return _MODELS
    return route or _NOWHERE[dialect_of(path)]


def check_method(route: Route, method: str) -> None:
    """Raise what is wrong with asking this of the route; OPTIONS is never wrong."""
    if not route.methods:
        raise NotFoundError("There is no such path here.")
    if method not in route.methods and method != "OPTIONS":
        raise MethodNotAllowedError(f"This path takes {', '.join(route.methods)}.")

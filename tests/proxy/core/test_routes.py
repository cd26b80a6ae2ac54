import pytest

from proxy.core.dialect import Dialect
from proxy.core.routes import check_method, route_of, session_of
from proxy.errors import MethodNotAllowedError, NotFoundError

KEY = b"0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/v1/messages", "messages"),
        (b"/v1/messages/count_tokens", "count_tokens"),
        (b"/v1/chat/completions", "chat"),
        (b"/v1/responses", "responses"),
        (b"/v1/models", "models"),
        (b"/v1/models/claude-sonnet-4-5", "models"),
        (b"/v1/models/claude%2Dsonnet", "models"),
        (b"/api/hello", "hello"),
        (b"/version", "version"),
        (b"/v1/sessions", "sessions"),
        (b"/v1/sessions/" + KEY, "session"),
        (b"/v1/sessions/" + KEY + b"/transcript", "sessions"),
        (b"/v1/conversations", "conversations"),
        (b"/v1/conversations/" + KEY, "conversation"),
        (b"/v1/conversations/" + KEY + b"/items", "conversations"),
        (b"/v1/conversations/" + KEY + b"/items/msg_1", "conversations"),
        (b"/v1/responses/resp_" + KEY + KEY[:16], "response"),
        # No key, or a part that there is not.
        (b"/v1/sessions/", "none"),
        (b"/v1/sessions/" + KEY[1:], "none"),
        (b"/v1/sessions/" + KEY + b"a", "none"),
        (b"/v1/sessions/" + KEY + b"/items", "none"),
        (b"/v1/conversations/" + KEY + b"/items/../..", "none"),
        (b"/v1/conversations/" + KEY + b"/items/", "none"),
        (b"/v1/responses/" + KEY, "none"),
        (b"/v1/responses/resp_" + KEY, "none"),
        # A path is taken literally: whoever plays with it is nowhere.
        (b"/v1/models/", "none"),
        (b"//v1/messages", "none"),
        (b"/v1/../v1/messages", "none"),
        (b"/v1%2fmessages", "none"),
        (b"/v1/messages;x", "none"),
        (b"/v1/messages/", "none"),
        (b"/V1/MESSAGES", "none"),
        (b"/", "none"),
        (b"*", "none"),
    ],
)
def test_a_path_has_one_route(path, name):
    assert route_of(path).name == name


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (b"/v1/sessions/" + KEY, KEY.decode()),
        (b"/v1/conversations/" + KEY + b"/items/msg_1", KEY.decode()),
        (b"/v1/responses/resp_" + KEY + KEY[:16], KEY.decode()),
        (b"/v1/sessions", None),
        (b"/v1/messages", None),
    ],
)
def test_a_path_may_be_about_one_session(path, key):
    assert session_of(path) == key


def test_an_unknown_path_is_refused_in_the_dialect_of_its_neighbours():
    assert route_of(b"/v1/chat/other").dialect is Dialect.CHAT
    with pytest.raises(NotFoundError):
        check_method(route_of(b"/v1/chat/other"), "POST")


def test_a_route_takes_its_methods_and_options():
    route = route_of(b"/v1/messages")
    check_method(route, "POST")
    check_method(route, "OPTIONS")

    with pytest.raises(MethodNotAllowedError, match="POST"):
        check_method(route, "DELETE")

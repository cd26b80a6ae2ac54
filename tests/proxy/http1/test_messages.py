import pytest

from proxy.http1.framing import HOP_BY_HOP, bodyless, connection_nominated


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ([], set()),
        ([(b"x-a", b"close")], set()),
        ([(b"connection", b"close")], {b"close"}),
        (
            [(b"connection", b"X-Hop , keep-alive,,"), (b"connection", b"TE")],
            {b"x-hop", b"keep-alive", b"te"},
        ),
    ],
)
def test_connection_nominates_headers_over_all_its_lines(headers, names):
    assert connection_nominated(headers) - {b""} == names


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [
        ("GET", 200, False),
        ("POST", 500, False),
        ("HEAD", 200, True),
        ("HEAD", 404, True),
        ("GET", 204, True),
        ("GET", 304, True),
    ],
)
def test_some_answers_have_no_body(method, status, expected):
    assert bodyless(method, status) is expected


def test_hop_by_hop_names_are_in_lower_case():
    assert {name.lower() for name in HOP_BY_HOP} == HOP_BY_HOP
    assert b"transfer-encoding" in HOP_BY_HOP

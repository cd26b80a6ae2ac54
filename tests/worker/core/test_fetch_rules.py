"""What may be fetched, and from where."""

from ipaddress import ip_network

import pytest

from worker.core.fetch_rules import FetchRules, served_type
from worker.errors import BadRequestError

RULES = FetchRules(hosts=("img.example.com", "*.cdn.example.net"))


@pytest.mark.parametrize(
    "url",
    [
        "https://img.example.com/a.png",
        "HTTPS://IMG.example.COM/a.png?b=c#d",
        "https://img.example.com",
        "https://img.example.com?x=@evil.example.org",
        "https://img.example.com:443/a.png",
        "https://img.example.com/héron.png",
        "https://a.b.cdn.example.net/x",
    ],
)
def test_an_allowed_host_may_be_asked(url):
    RULES.check(url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://img.example.com/a.png", "https"),
        ("https://example.com/a.png", "host"),
        ("https://img.example.com.evil.example.org/", "host"),
        ("https://evilimg.example.com/", "host"),
        ("https://cdn.example.net/", "host"),
        ("https://xcdn.example.net/", "host"),
        ("https://img.example.com:8443/", "port"),
        ("https://img.example.com:0443/", None),
        ("https://user:word@img.example.com/", "credentials"),
        ("https://img.example.com@evil.example.org/", "credentials"),
        ("https://evil.example.org\\@img.example.com/", "credentials"),
        ("https://img.example.com\\.evil.example.org/", "credentials"),
        ("https://127.0.0.1/", "by name"),
        ("https://2130706433/", "by name"),
        ("https://0x7f.1/", "by name"),
        ("https://[::1]/", "by name"),
        ("https://img.example.com./", "by name"),
        ("https://img.example.com /", "by name"),
        ("https://img.example.com/\r\nhost: x", "by name"),
        ("https:///a.png", "by name"),
        ("https://img.example.com:\u0664\u0664\u0663/", "by name"),
        ("https://\u212aimg.example.com/", "by name"),
        ("file:///etc/passwd", "by name"),
        ("ftp://img.example.com/", "by name"),
        ("", "by name"),
    ],
)
def test_nothing_else_may(url, told):
    if told is None:
        RULES.check(url)
        return
    with pytest.raises(BadRequestError, match=told):
        RULES.check(url)


def test_any_host_and_plain_http_are_the_operators_choice():
    rules = FetchRules(hosts=("*",), allow_http=True, ports=(80, 8080))

    rules.check("http://anything.example.org/")
    rules.check("http://anything.example.org:8080/")
    with pytest.raises(BadRequestError, match="port"):
        rules.check("https://anything.example.org/")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "239.1.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
    ],
)
def test_no_address_inside_is_connected_to(address):
    assert not RULES.admits(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"]
)
def test_public_addresses_are(address):
    assert RULES.admits(address)


def test_a_private_network_may_be_allowed_by_name():
    rules = FetchRules(hosts=("*",), private=(ip_network("10.1.0.0/16"),))

    assert rules.admits("10.1.2.3")
    assert rules.admits("::ffff:10.1.2.3")
    assert not rules.admits("10.2.0.1")
    assert not rules.admits("127.0.0.1")


@pytest.mark.parametrize(
    ("kind", "media_type", "expected"),
    [
        ("image", "image/png", True),
        ("image", "image/svg+xml", False),
        ("image", "application/pdf", False),
        ("document", "application/pdf", True),
        ("document", "text/plain", True),
        ("document", "text/html", False),
    ],
)
def test_a_block_holds_what_its_kind_can(kind, media_type, expected):
    assert served_type(kind, media_type) is expected

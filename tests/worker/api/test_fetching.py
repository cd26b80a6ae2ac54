"""Images and documents by URL, fetched from a server on loopback that stands for the web."""

import base64

import pytest

from tests.worker.api.web import PNG, serving_web
from worker.api.fetching import fetched
from worker.api.sources import Wanted
from worker.config import ImageSettings
from worker.errors import BadRequestError

IMAGE = {
    "type": "base64",
    "media_type": "image/png",
    "data": base64.b64encode(PNG).decode(),
}


@pytest.fixture
async def site():
    async with serving_web() as site:
        yield site


async def fetch(site, *paths, host="a.web.test", kind="image", **settings):
    """What some paths of one host become, loopback being allowed."""
    usual = {
        "allow": ("*.web.test",),
        "allow_http": True,
        "allow_private_ranges": ("127.0.0.0/8",),
        "ports": (site.port,),
    }
    wanted = [Wanted(kind, site.url(host, path)) for path in paths]
    found = await fetched(wanted, ImageSettings(**(usual | settings)), site.names)
    return [found[item] for item in wanted]


async def refusal(site, *paths, **how):
    with pytest.raises(BadRequestError) as caught:
        await fetch(site, *paths, **how)
    return caught.value.message


async def test_what_is_fetched_becomes_a_source_of_its_kind(site):
    assert await fetch(site, "/png") == [IMAGE]
    (pdf,) = await fetch(site, "/type/application/pdf", kind="document")
    assert (pdf["type"], pdf["media_type"]) == ("base64", "application/pdf")
    assert await fetch(site, "/type/text/plain", kind="document") == [
        {"type": "text", "media_type": "text/plain", "data": "words"}
    ]


async def test_a_request_gives_nothing_of_anybody_away(site):
    await fetch(site, "/png")
    (request,) = site.requests

    assert {name.lower() for name in request.headers} == {
        "host",
        "accept",
        "accept-encoding",
        "user-agent",
    }


async def test_several_are_fetched_and_each_name_is_looked_up_once_a_connection(site):
    paths = [f"/size/{n}" for n in range(1, 9)]
    found = await fetch(site, *paths)

    assert [len(base64.b64decode(source["data"])) for source in found] == list(range(1, 9))
    assert len(site.names.asked) <= 4


@pytest.mark.parametrize(
    ("path", "hosts"),
    [("/hop/3", ["a"] * 4), ("/to/b.web.test", ["a", "b"])],
)
async def test_redirects_are_followed_up_to_three(site, path, hosts):
    assert await fetch(site, path) == [IMAGE]
    assert [request.host[0] for request in site.requests] == hosts


@pytest.mark.parametrize(
    "path",
    [
        "/hop/4",
        "/to/evil.test",
        "/to/127.0.0.1",
        "/to/inside.web.test",
        "/file",
        "/status/404",
        "/status/500",
        "/status/204",
        "/zip",
        "/size/0",
        "/size/1001",
        "/endless",
        "/type/text/html",
        "/type/image/svg+xml",
    ],
)
async def test_whatever_goes_wrong_is_told_in_the_same_words(site, path):
    site.names.addresses["inside.web.test"] = ["127.0.0.1", "10.0.0.1"]

    assert await refusal(site, path, max_bytes=1000) == "messages: this image cannot be fetched"


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["127.0.0.1", "169.254.169.254"], ["::1"], ["::ffff:10.0.0.1"], []]
)
async def test_a_name_that_leads_inside_is_not_connected_to(site, addresses):
    site.names.addresses["a.web.test"] = addresses

    assert await refusal(site, "/png") == "messages: this image cannot be fetched"
    assert not site.requests


async def test_loopback_is_not_public(site):
    assert await refusal(site, "/png", allow_private_ranges=())
    assert not site.requests


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"host": "evil.test"}, "host"),
        ({"host": "127.0.0.1"}, "by name"),
        ({"allow_http": False}, "https"),
        ({"ports": (443,)}, "port"),
    ],
)
async def test_what_the_rules_forbid_is_not_even_looked_up(site, settings, told):
    assert told in await refusal(site, "/png", **settings)
    assert not site.names.asked


async def test_number_size_and_time_of_all_together_are_bounded(site):
    assert "no more than 2" in await refusal(site, "/size/1", "/size/2", "/size/3", max_files=2)
    assert not site.requests
    assert await refusal(site, "/size/60", "/size/61", max_total_bytes=100)
    assert "too long" in await refusal(site, "/png", "/silent", timeout=0.2)


async def test_text_must_be_utf_8(site):
    told = await refusal(site, "/latin", kind="document")

    assert told == "messages: this document cannot be fetched"

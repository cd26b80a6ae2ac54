from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from proxy.admin import AdminServer
from proxy.config import Address
from proxy.guard import answer, guard

JSON = {"content-type": "application/json"}


@asynccontextmanager
async def guarded(token=None):
    """A port with one thing to do and one to read; `done` is what was done."""
    done = []

    async def act(request):
        done.append(request.path)
        return answer({})

    app = web.Application(middlewares=[guard(lambda: token)])
    app.add_routes([web.post("/act", act), web.get("/read", act), web.get("/livez", act)])
    server = AdminServer(app)
    await server.start(Address("127.0.0.1", 0))
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http:
            yield http, server.port, done
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 200),
        (JSON | {"sec-fetch-site": "same-origin"}, 200),
        (JSON | {"sec-fetch-site": "none"}, 200),
        # A page of another site can make a browser send all of these.
        (JSON | {"origin": "https://evil.example"}, 403),
        (JSON | {"origin": "null"}, 403),
        (JSON | {"origin": "http://127.0.0.1:1"}, 403),
        (JSON | {"sec-fetch-site": "cross-site"}, 403),
        (JSON | {"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data"}, 415),
        # And this by a name that it made to lead here.
        (JSON | {"host": "evil.example"}, 403),
    ],
)
async def test_only_operators_and_no_foreign_page_can_act(headers, status):
    async with guarded() as (http, _, done):
        async with http.post("/act", data=b"{}", headers=headers) as got:
            assert got.status == status

        assert bool(done) == (status == 200)


async def test_a_page_of_the_port_itself_can_act():
    async with guarded() as (http, port, done):
        headers = JSON | {"origin": f"http://127.0.0.1:{port}"}
        async with http.post("/act", data=b"{}", headers=headers):
            pass

    assert done == ["/act"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_reading_asks_for_no_content_type(method):
    async with guarded() as (http, _, _), http.request(method, "/read") as got:
        assert got.status == 200


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/read", {}, 401),
        ("/read", {"authorization": "Bearer wrong"}, 401),
        ("/read", {"authorization": "the-token"}, 401),
        ("/read", {"authorization": "Bearer the-token"}, 200),
        ("/nowhere", {}, 401),
        ("/livez", {}, 200),
    ],
)
async def test_with_a_token_all_but_the_health_checks_asks_for_it(path, sent, status):
    async with guarded("the-token") as (http, _, _), http.get(path, headers=sent) as got:
        assert got.status == status


async def test_a_good_token_does_not_excuse_a_foreign_page():
    async with guarded("the-token") as (http, _, done):
        headers = JSON | {"authorization": "Bearer the-token", "origin": "https://evil.example"}
        async with http.post("/act", data=b"{}", headers=headers) as got:
            assert got.status == 403

    assert done == []

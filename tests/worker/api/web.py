"""A server on loopback that stands for the web, and the names that lead to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.abc import AbstractResolver

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100


class Names(AbstractResolver):
    """Every name stands for loopback, but for those in `addresses`."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.asked: list[str] = []

    async def resolve(self, host, port=0, family=0):  # noqa: ARG002
        self.asked.append(host)
        fixed = {"hostname": host, "port": port, "family": 2, "proto": 0, "flags": 0}
        return [fixed | {"host": found} for found in self.addresses.get(host, ["127.0.0.1"])]

    async def close(self) -> None:
        pass


class Web:
    """Answers by path: those of `_FOUND`, `/to/{host}`, `/silent`, `/endless`."""

    port: int

    def __init__(self) -> None:
        self.names = Names()
        self.requests: list[web.Request] = []

    def url(self, host: str, path: str) -> str:
        return f"http://{host}:{self.port}{path}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        first, *rest = request.path.strip("/").split("/")
        if found := _FOUND.get(first):
            return found(*rest)
        if first == "to":
            return _elsewhere(self.url(rest[0], "/png"))
        if first == "silent":
            await asyncio.Event().wait()
        return await _endless(request)


def _image(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="image/png")


def _elsewhere(location: str) -> web.Response:
    return web.Response(status=302, headers={"location": location})


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "image/png"})
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65536)


def _hop(number: str) -> web.Response:
    return _elsewhere(f"/hop/{int(number) - 1}") if number != "0" else _image(PNG)


_FOUND = {
    "png": lambda: _image(PNG),
    "size": lambda size: _image(b"x" * int(size)),
    "type": lambda *kind: web.Response(body=b"words", content_type="/".join(kind)),
    "latin": lambda: web.Response(body=b"h\xe9ron", content_type="text/plain"),
    "status": lambda status: web.Response(status=int(status), body=PNG, content_type="image/png"),
    "zip": lambda: web.Response(
        body=PNG, headers={"content-encoding": "gzip", "content-type": "image/png"}
    ),
    "hop": _hop,
    "file": lambda: _elsewhere("file:///etc/passwd"),
}


@asynccontextmanager
async def serving_web() -> AsyncIterator[Web]:
    server = Web()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()

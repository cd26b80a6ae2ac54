"""The simulator as the clouds sell it: Bedrock's and Vertex's addresses, headers and framing."""

import base64
import binascii
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

_KEY = {"x-api-key": "sim-alice", "anthropic-version": "2023-06-01"}
_REFUSALS = {429: "ThrottlingException", 403: "AccessDeniedException", 529: "ServiceUnavailable"}


class Cloud:
    """`asked` are the paths and credentials of the model calls, as they came."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    async def bedrock(self, request: web.Request) -> web.StreamResponse:
        """`invoke-with-response-stream`: events in Amazon's binary framing."""
        async with self._forwarded(request) as answer:
            if answer.status != 200:
                kind = _REFUSALS.get(answer.status, "InternalServerException")
                headers = {"x-amzn-errortype": kind}
                return web.json_response({"message": kind}, status=answer.status, headers=headers)
            response = web.StreamResponse()
            response.content_type = "application/vnd.amazon.eventstream"
            await response.prepare(request)
            async for line in answer.content:
                if line.startswith(b"data: "):
                    await response.write(_framed(line.removeprefix(b"data: ").strip()))
            await response.write_eof()
            return response

    async def vertex(self, request: web.Request) -> web.StreamResponse:
        """`streamRawPredict`: the API's own stream under Google's address."""
        async with self._forwarded(request) as answer:
            body, kind = await answer.read(), answer.content_type
            return web.Response(body=body, status=answer.status, content_type=kind)

    async def surprise(self, request: web.Request) -> web.Response:
        """A call that nobody has ordered."""
        self.asked.append((request.path, ""))
        return web.json_response({}, status=500)

    @asynccontextmanager
    async def _forwarded(self, request: web.Request) -> AsyncIterator[aiohttp.ClientResponse]:
        self.asked.append((request.path, request.headers.get("authorization", "")))
        body = msgspec.json.decode(await request.read())
        model = request.match_info["model"]
        body |= {"model": "claude" + model.partition("claude")[2], "stream": True}
        body.pop("anthropic_version")
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.provider}/v1/messages", json=body, headers=_KEY) as answer,
        ):
            yield answer


@asynccontextmanager
async def cloud(provider: str) -> AsyncIterator[Cloud]:
    """Serve both clouds in front of a simulator."""
    served = Cloud(provider)
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/model/{model}/invoke-with-response-stream", served.bedrock)
    vertex = "/projects/{p}/locations/{l}/publishers/anthropic/models/{model}:streamRawPredict"
    app.router.add_post(vertex, served.vertex)
    app.router.add_get("/inference-profiles", _profiles)
    app.router.add_post("/{path:.*}", served.surprise)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield served
    finally:
        await runner.cleanup()


async def _profiles(_request: web.Request) -> web.Response:
    return web.json_response({"inferenceProfileSummaries": []})


def _framed(data: bytes) -> bytes:
    """One message of Amazon's event stream: lengths, headers, payload, and a checksum of each."""
    payload = msgspec.json.encode({"bytes": base64.b64encode(data).decode()})
    headers = b"".join(
        struct.pack(">B", len(name)) + name + struct.pack(">BH", 7, len(value)) + value
        for name, value in (
            (b":event-type", b"chunk"),
            (b":content-type", b"application/json"),
            (b":message-type", b"event"),
        )
    )
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))

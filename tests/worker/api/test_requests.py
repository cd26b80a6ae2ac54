"""What is refused before any engine sees it."""

import asyncio
import base64

import msgspec
import pytest

from tests.worker.rig import ASK, serving

DEEP = b"[" * 100_000


def asking(*blocks: object) -> bytes:
    return msgspec.json.encode(ASK | {"messages": [{"role": "user", "content": list(blocks)}]})


def image(**source: object) -> dict[str, object]:
    return {"type": "image", "source": source}


PNG = image(type="base64", media_type="image/png", data=base64.b64encode(b"png").decode())


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"model":"m","messages":[NaN]}',
        b'{"model":"m","messages":' + DEEP + b"}",
        b'{"model":"m","messages":["\xff"]}',
        b'\xef\xbb\xbf{"model":"m","messages":[1]}',
        '{"model":"m","messages":[1]}'.encode("utf-16"),
        b'{"messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"","messages":[{"role":"user","content":"hi"}]}',
        b'{"model":1,"messages":[{"role":"user","content":"hi"}]}',
        b'{"model":"m"}',
        b'{"model":"m","messages":[]}',
        b'{"model":"m","messages":{}}',
        b'{"model":"m","messages":[1],"stream":"yes"}',
        asking(image(type="url", url="http://127.0.0.1/x")),
        asking(image(type="url", url="file:///etc/passwd")),
        asking(image(type="file", file_id="f1")),
        asking(image(type="base64", data="/etc/passwd")),
        asking(image(type="base64", data="../../x")),
        asking(image(type="base64", data="")),
        asking(image(type="base64", data=None)),
        asking({"type": "image"}),
        asking({"type": "image", "source": "/etc/passwd"}),
        asking({"type": "document", "source": {"type": "url", "url": "http://x/"}}),
        asking({"type": "tool_result", "content": [image(type="url", url="http://x/")]}),
        asking(
            {
                "type": "document",
                "source": {"type": "content", "content": [image(type="url", url="http://x/")]},
            }
        ),
    ],
)
async def test_a_bad_request_never_reaches_the_engine(worker, engine, body):
    async with worker.post(body) as answer:
        told = await answer.json()

    assert answer.status == 400
    assert told["error"]["type"] == "invalid_request_error"
    assert answer.headers["x-headgate-verdict"] == "client_error"
    assert answer.headers["x-headgate-started"] == "0"
    assert engine.turns == []


@pytest.mark.parametrize(
    "body",
    [
        asking(PNG),
        asking({"type": "tool_result", "content": [PNG]}),
        asking({"type": "tool_result", "content": "words"}),
        asking({"type": "document", "source": {"type": "text", "data": "words"}}),
        asking({"type": "document", "source": {"type": "content", "content": [PNG]}}),
        asking({"type": "text", "text": "see file:///etc/passwd and http://x/"}),
        msgspec.json.encode(ASK | {"stream": None, "brand_new": {"source": {"type": "url"}}}),
    ],
)
async def test_what_the_request_holds_itself_passes(worker, engine, body):
    async with worker.post(body) as answer:
        assert answer.status == 200

    assert [turn.raw for turn in engine.turns] == [body]


async def test_a_compressed_body_is_refused_unopened(worker, engine):
    async with worker.post(b"\x1f\x8b junk", headers={"content-encoding": "gzip"}) as answer:
        assert answer.status == 415
        assert answer.headers["x-headgate-verdict"] == "client_error"

    assert engine.turns == []


async def _pieces(size: int):
    for _ in range(size):
        yield b"x" * 1024


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_refused(engine, declared):
    async with serving(engine, limits={"body": 4096}) as worker:
        body = b"x" * 8192 if declared else _pieces(8)
        async with worker.session.post(worker.url + "/v1/messages", data=body) as answer:
            told = await answer.json()

    assert answer.status == 413
    assert told["error"]["type"] == "request_too_large"
    assert engine.turns == []


async def test_a_body_that_does_not_come_is_not_waited_for(engine):
    async with serving(engine, timeouts={"body": 0.1}) as worker:
        host, port = worker.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
        status = await reader.readline()
        writer.close()
        await writer.wait_closed()

    assert status == b"HTTP/1.1 408 Request Timeout\r\n"

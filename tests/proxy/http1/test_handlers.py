"""Handlers that go wrong."""

import asyncio

import pytest

from tests.proxy.http1.raw import get
from tests.proxy.http1.rig import connected, serving


async def test_a_handler_that_fails_before_it_answers_is_a_500_and_is_reported():
    reports = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))

    async def broken(_exchange):
        raise ZeroDivisionError

    async with serving(broken) as server, connected(server.port) as client:
        await client.send(get() + get())
        for _ in range(2):
            assert (await client.line_end()).startswith(b"HTTP/1.1 500")
            await client.exactly(len(b"Something broke inside."))

    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError] * 2


async def test_a_handler_that_fails_in_mid_answer_is_cut():
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)

    async def broken(exchange):
        exchange.start(200, [], None)
        exchange.write(b"abc")
        raise ZeroDivisionError

    async with serving(broken) as server, connected(server.port) as client:
        answer = await client.ask(get())

    assert answer.endswith(b"\r\n\r\n3\r\nabc\r\n")


async def test_a_handler_that_forgets_to_answer_is_cut():
    async def silent(_exchange):
        pass

    async with serving(silent) as server, connected(server.port) as client:
        await client.send(get())
        with pytest.raises(ConnectionResetError):
            await client.rest()

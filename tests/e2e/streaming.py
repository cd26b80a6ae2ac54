"""Reading a stream as a client would, to its end or to where it broke."""

import aiohttp


async def read(answer):
    """What came of a stream, and whether it ended cleanly."""
    got = b""
    try:
        async for piece in answer.content.iter_any():
            got += piece
    except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError):
        return got, False
    return got, True


async def stream(fleet, prompt, **more):
    """Ask for a stream: the status, the bytes, and whether they ended cleanly."""
    async with fleet.post(prompt, stream=True, **more) as answer:
        return answer.status, *await read(answer)


def events(got):
    """Each event's name, in order."""
    return [line[7:] for line in got.decode().splitlines() if line.startswith("event: ")]

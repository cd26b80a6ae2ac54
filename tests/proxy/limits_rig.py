"""A proxy for one client with limits, in front of one account with two slots."""

from contextlib import asynccontextmanager

from tests.e2e.rig import KEY, team
from tests.proxy.raw_worker import RawWorker, chunk, sse_head, whole

ANSWER = whole(
    b'{"type":"message","content":[],"usage":{"input_tokens":10,"output_tokens":5}}',
    b"content-type: application/json",
    b"anthropic-ratelimit-requests-limit: 4000",
    b"x-ratelimit-remaining-tokens: 31337",
    b"retry-after: 77",
)
BEGINNING = (
    sse_head()
    + chunk(
        b'event: message_start\ndata: {"type":"message_start","message":{"usage":'
        b'{"input_tokens":10,"output_tokens":1,"cache_read_input_tokens":7}}}\n\n'
    )
    + chunk(b'event: content_block_start\ndata: {"type":"content_block_start","index":0}\n\n')
)
ENDING = chunk(
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":20}}\n\n'
) + chunk(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


@asynccontextmanager
async def limited(folder, *answer, limits=None, **config):
    """The proxy, as its only client finds it; the worker gives the pieces of `answer`."""
    client = {"name": "alice", "key": KEY, "limits": limits or {}}
    async with RawWorker(*(answer or (ANSWER,))) as worker:
        account = {"name": "ann", "url": worker.url, "headers": {"x-api-key": "dummy-key"}}
        accounts = [account | {"concurrency": 2}]
        async with team(folder, accounts, None, clients=[client], **config) as fleet:
            yield fleet

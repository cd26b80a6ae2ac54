import pytest

from simulator.cache import PromptCache

TURN = [b"s" * 400, b"one!"]
LATER = [*TURN, b"two!"]


@pytest.mark.parametrize(
    ("then", "after", "written", "read"),
    [
        # The same prefix again, with a turn more.
        (LATER, 10, 1, 101),
        # Another beginning shares nothing.
        ([b"t" * 400, b"one!"], 10, 101, 0),
        # What was not used for longer than the time to live is gone.
        (LATER, 301, 102, 0),
    ],
)
def test_a_known_prefix_is_read_and_the_rest_is_written(then, after, written, read):
    cache = PromptCache(ttl=300)
    cache.use(TURN, now=0)
    usage = cache.use(then, now=after)

    assert (usage.written, usage.read) == (written, read)


def test_every_use_keeps_a_prefix_warm():
    cache = PromptCache(ttl=300)
    for now in (0, 200, 400):
        usage = cache.use(TURN, now)

    assert usage.read == 101


def test_old_prefixes_make_room():
    cache = PromptCache(ttl=300)
    for number in range(20_001):
        cache.use([str(number).encode()], now=0)

    assert len(cache._prefixes) == 10_000
    assert cache.use([b"0"], now=0).read == 0

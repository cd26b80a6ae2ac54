"""Random histories through the whole chain: answers, verdicts, settling, the store, time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.cooldown import BackoffPolicy
from proxy.core.evidence import read_verdict
from proxy.core.verdict import Kind, Scope
from proxy.store.base import Slot, StorePolicy
from proxy.store.memory import MemoryStore
from proxy.store.settling import SERVED, settlement
from tests.proxy.store.factories import Clock
from tests.proxy.store.wishes import HAIKU, OPUS, A, B, wish

DAY = 86_400.0
FARTHEST = 8 * DAY + 1
CONCURRENCY = 6
POLICY = BackoffPolicy()

WINDOWS = ("5h", "7d", "7d_oi", "7d_opus")
UNIFIED = "anthropic-ratelimit-unified-"
NAMES = [
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    UNIFIED + "status",
    UNIFIED + "reset",
    UNIFIED + "representative-claim",
    UNIFIED + "overage-in-use",
    *(
        f"{UNIFIED}{window}-{part}"
        for window in WINDOWS
        for part in ("status", "reset", "utilization")
    ),
    *(
        f"anthropic-ratelimit-{what}-{part}"
        for what in ("requests", "input-tokens")
        for part in ("limit", "remaining", "reset")
    ),
    *(f"x-ratelimit-{part}-requests" for part in ("limit", "remaining", "reset")),
    "x-headgate-until",
    "x-headgate-started",
]
WORDS = [
    "rejected", "allowed", "allowed_warning", "blocked", "payment_required", "queueing_hard",
    "five_hour", "seven_day", "seven_day_opus", "unheard_of", "true", "false", "0", "1",
]  # fmt: skip
ODD = [
    "", "NaN", "inf", "-1", "-1e9", "1e99", "99999999999999999999", "0x10", "soon", "12ms", "1m30s",
    "9999999d", "Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 01 Jan 2100 00:00:00 GMT",
    "2100-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2027-01-15T08:00:00+00:00",
]  # fmt: skip
TYPES = [
    "rate_limit_error", "overloaded_error", "billing_error", "authentication_error",
    "permission_error", "invalid_request_error", "api_error", "timeout_error",
    "usage_limit_reached",
]  # fmt: skip

ahead = st.sampled_from(
    [-DAY, -1.0, 0.0, 0.5, 30.0, 61.0, 3_600.0, 6 * 3_600.0, DAY, 9 * DAY, 1e12]
)
"""Seconds from now of an instant that somebody names."""

bodies = st.one_of(
    st.sampled_from(TYPES).map(lambda t: b'{"type":"error","error":{"type":"%s"}}' % t.encode()),
    st.sampled_from([b"", b"{", b'{"error":"no"}', b"\xff"]),
)
statuses = st.just(429) | st.sampled_from(
    [200, 400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 504, 529]
)
values = st.one_of(st.sampled_from(WORDS), st.sampled_from(ODD), ahead)
anything = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)
verdicts = st.fixed_dictionaries(
    {"x-headgate-verdict": st.sampled_from([*Kind, "unheard_of"])},
    optional={
        "x-headgate-scope": st.sampled_from([*Scope, "unheard_of"]),
        "x-headgate-until": ahead,
    },
)
rejections = st.builds(
    lambda window, reset: {f"{window}-status": "rejected", f"{window}-reset": reset},
    st.sampled_from([UNIFIED + window for window in WINDOWS]),
    ahead,
)
headers = st.one_of(anything, verdicts, rejections)


def written(value, now, milliseconds):
    """A header's value; instants are written as epoch seconds or milliseconds."""
    if isinstance(value, str):
        return value
    return f"{(now + value) * 1_000:.0f}" if milliseconds else f"{now + value:.3f}"


class Chain:
    """Two accounts on a memory store, and everybody who asks."""

    def __init__(self):
        self.clock = Clock(1_800_000_000.0)
        self.store = MemoryStore(StorePolicy(lease_ttl=DAY), self.clock)
        self.out = []
        self.before = {}

    def result(self, coroutine):
        """The result of what never waits."""
        with pytest.raises(StopIteration) as ended:
            coroutine.send(None)
        return ended.value.value

    def claim(self, family, among="ab"):
        return self.result(self.store.claim(wish(None, among, family=family)))

    def ask(self, family, count):
        """So many at once; those who are refused give up."""
        found = [self.claim(family) for _ in range(count)]
        self.out += [slot for slot in found if isinstance(slot, Slot)]

    def answer(self, place, status, told, body, fraction):
        """The end of one that is out."""
        if not self.out:
            return
        slot = self.out.pop(place % len(self.out))
        now = self.clock.now
        verdict = read_verdict(status, told, body, now)
        self.store.settle(slot, settlement(verdict, slot, now, POLICY, fraction))

    def snapshot(self):
        return self.result(self.store.snapshot()).accounts

    def check(self):
        """No deadline is far, none that stands has come nearer."""
        seen = self.snapshot()
        now = self.clock.now
        for name, state in seen.items():
            assert all(rest.until <= now + FARTHEST for rest in state.cooldowns.values())
            for family, rest in self.before.get(name, {}).items():
                if rest.until > now:
                    assert state.cooldowns[family].until >= rest.until
        self.before = {name: state.cooldowns for name, state in seen.items()}

    def whole(self, account):
        """Whether nothing is left of whatever it has been through."""
        gate = self.store.gates[account]
        return not gate.rests and gate.limit == CONCURRENCY and not gate.streak

    def recover(self, account):
        """Let requests succeed, as many at once as the account is let; True once it is whole."""
        for _ in range(ROUNDS):
            for family in (OPUS, HAIKU):
                served = []
                while isinstance(slot := self.claim(family, [account]), Slot):
                    served.append(slot)
                self.clock.advance(1)
                for slot in served:
                    self.store.settle(slot, SERVED)
                self.clock.advance(1)
            if self.whole(account):
                return True
        return False


ROUNDS = 60
"""What the slowest account takes from one request at once to all."""

events = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.0, 1.0, 10.0, 61.0, 3_600.0, DAY])),
    st.tuples(st.just("ask"), st.sampled_from([OPUS, HAIKU]), st.integers(1, CONCURRENCY)),
    st.tuples(
        st.just("answer"),
        st.integers(0, 20),
        statuses,
        headers,
        bodies,
        st.booleans(),
        st.floats(0, 1),
    ),
)


def play(chain, event):
    match event:
        case "wait", seconds:
            chain.clock.advance(seconds)
        case "ask", family, count:
            chain.ask(family, count)
        case "answer", place, status, told, body, milliseconds, fraction:
            now = chain.clock.now
            texts = {name: written(value, now, milliseconds) for name, value in told.items()}
            chain.answer(place, status, texts, body, fraction)


@given(st.lists(events, min_size=20, max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_history_rests_an_account_for_long_or_for_ever(history):
    chain = Chain()
    for event in history:
        play(chain, event)
        chain.check()

    chain.clock.advance(FARTHEST)
    assert all(not state.cooldowns for state in chain.snapshot().values()), "time alone ends rests"

    assert chain.recover(A)
    assert chain.recover(B)

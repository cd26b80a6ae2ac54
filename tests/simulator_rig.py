"""The simulated provider for tests: in the test's own loop, or as a process of its own."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import aiohttp
import msgspec

from simulator.admin import PlanChange, apply_plan
from simulator.config import Config, Pacing
from simulator.orders import Order
from simulator.plans import Plan
from simulator.provider import Provider
from simulator.records import Record, Tally
from simulator.server import serving

ROOT = Path(__file__).parent.parent


class Simulator:
    """`async with Simulator() as sim`: a provider on loopback, in this loop, on a free port.

    Without a configuration any credential is an account: `sim-alice` is the account `alice`.
    """

    provider: Provider
    url: str

    def __init__(self, config: Config | None = None) -> None:
        self._config = config or Config(open=True)
        self._stack = AsyncExitStack()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        served = serving(self._config, "127.0.0.1", 0)
        self.provider, port = await self._stack.enter_async_context(served)
        self.provider.records.on_change = self._changed.set
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def records(self) -> Sequence[Record]:
        """What came, oldest first. Every path, `/api/hello` too; see `calls`."""
        return self.provider.records.kept()

    @property
    def calls(self) -> Sequence[Record]:
        """The records of `POST /v1/messages` with a known credential."""
        return [record for record in self.records if record.account is not None]

    @property
    def tally(self) -> Tally:
        return self.provider.records.tally

    def fault(self, fault: str, *, count: int | None = 1, **fields: object) -> None:
        """Order a fault for the next `count` calls. Fields: account, model, probability, args."""
        order = {"fault": fault, "count": count, **fields}
        self.provider.faults.add(msgspec.convert(order, Order))

    def plan(self, account: str, plan: Plan) -> None:
        """Put an account on another plan, with every window full."""
        apply_plan(self.provider, PlanChange(account, plan=plan))

    def exhaust(self, account: str, window: str = "five_hour", resets_in: float = 3600) -> None:
        """Use a window up; it is full again `resets_in` seconds from now."""
        apply_plan(self.provider, PlanChange(account, used={window: 1.0}, resets_in=resets_in))

    def pace(self, account: str | None = None, **fields: float) -> None:
        """Set rate (events a second), latency (seconds) and tokens, of one account or of all."""
        pacing = msgspec.convert(fields, Pacing)
        if account is None:
            self.provider.pacing = pacing
        else:
            self.provider.accounts.named(account).pacing = pacing

    async def until(self, condition: Callable[[], object], seconds: float = 5) -> None:
        """Wait for something that shows in the records; TimeoutError if it does not."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


class SimulatorProcess:
    """The `headgate-simulator` command as a process: `url`, and the admin calls by HTTP."""

    url: str

    def __init__(self, config: Path | None = None) -> None:
        self._arguments = ["--config", str(config)] if config else []
        self._process: asyncio.subprocess.Process | None = None
        self.exit_code: int | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "simulator",
            "--listen",
            "127.0.0.1:0",
            *self._arguments,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), 20)
            self.url = line.decode().split()[-1]
        except (TimeoutError, IndexError):
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
        self.exit_code = await self._process.wait()

    async def records(self) -> list[Record]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/_sim/records") as r:
            return msgspec.json.decode(await r.read(), type=list[Record])

    async def post(self, path: str, value: object) -> None:
        """An admin call, as in `post("/_sim/faults", {"fault": "529", "count": 1})`."""
        async with aiohttp.ClientSession() as session:
            body = msgspec.json.encode(value)
            async with session.post(self.url + path, data=body, raise_for_status=True):
                pass

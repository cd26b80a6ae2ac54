"""All that the simulated provider knows while it runs."""

from aiohttp import web

from simulator.accounts import Accounts
from simulator.config import Config
from simulator.orders import Faults
from simulator.records import Record, Records


class Provider:
    """Accounts, standing faults, pacing and records of one simulator."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.pacing = config.pacing
        self.accounts = Accounts(config)
        self.faults = Faults()
        self.records = Records(config.max_records, config.max_record_bytes)


PROVIDER = web.AppKey("provider", Provider)
RECORD = web.RequestKey("record", Record)
BODY = web.RequestKey("body", bytes)

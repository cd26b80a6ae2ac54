"""What the handlers share."""

from dataclasses import dataclass, field
from time import time
from typing import Final

from aiohttp import web

from worker.api.gate import Gate
from worker.api.guard import Guard
from worker.api.settling import Sources
from worker.archive import Archive
from worker.config import Settings
from worker.core.verdict import Kind
from worker.engines.base import Engine
from worker.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """One worker's parts, built by `worker.app`. `started_at` is in epoch seconds."""

    settings: Settings
    engine: Engine
    gate: Gate
    guard: Guard
    metrics: Metrics
    archive: Archive
    sources: Sources
    started_at: float = field(default_factory=time)


PARTS: Final = web.AppKey("parts", Parts)
REQUEST_ID: Final = web.RequestKey("request_id", str)
IN_VAIN: Final = web.RequestKey("in_vain", str)
"""What a request asks and nobody here honours, as a header says it; absent where all is."""
VERDICT: Final = web.ResponseKey("verdict", Kind)
"""What a response means; absent on a success."""

"""The state of the routes: the pool, the bus, reference data and the stream hub.

Opened and closed with the application; neither server needs to run for that.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from litestar import Litestar

from api.gate import Gate
from thor import clock, database, observe
from thor.config import Settings
from thor.domain import timestamps
from thor.errors import Unavailable
from thor.lake.export.coverage import LakeCoverage
from thor.market.bus.client import Listener
from thor.reference.cache import Reference
from thor.stream.hub import StreamHub

# A manifest does not change once its date is whole: it is read again so often all the same.
_LAKE_KEPT_S = 60.0


class SharedState:
    """The parts of one application."""

    def __init__(self, settings: Settings, database_url: str, redis_url: str) -> None:
        """Create the parts; nothing connects before `opened`."""
        self.settings = settings
        self.database_url = database_url
        self.pool = database.pool(database_url, "api")
        self.listener = Listener(redis_url)
        self.reference = Reference(self.pool)
        self.gate = Gate(settings, self.pool, database_url)
        self.lake = LakeCoverage(_LAKE_KEPT_S)
        self.hub = StreamHub(
            self.pool,
            self.listener,
            self.reference,
            skew_max=timedelta(seconds=settings.skew_max_s),
            conflate_ms=settings.sse_conflate_ms,
            ping_s=settings.sse_ping_s,
        )

    async def market_now(self) -> datetime:
        """Return the moment by which quotes age: now, or a recording's own, see `Catalogue`."""
        catalogue, now = await self.reference.current(), clock.now()
        if catalogue.nature != "recorded":
            return now
        listing = catalogue.listing
        symbols = list(dict.fromkeys([*listing.instruments, *listing.series]))
        try:
            found = await self.listener.latest(symbols)
        except Unavailable:
            (row,) = await database.fetch(self.pool, "moment", {"as_of": now})
            return catalogue.market_now(row["moment"], now)
        received = [timestamps.parse(fields.get("received_at")) for fields in found.values()]
        return catalogue.market_now(max((ts for ts in received if ts), default=None), now)

    @contextlib.asynccontextmanager
    async def opened(self, _: Litestar) -> AsyncIterator[None]:
        """Run the reader and its timers as long as the application runs."""
        await self.pool.open(wait=False)
        hub = self.hub
        parts = (
            *(self.gate.keep, self.reference.keep, hub.run, hub.beat),
            *(hub.conflate, hub.close_bars, hub.watch_desk, hub.watch_world),
            hub.watch_predictions,
            hub.watch_trades,
        )
        tasks = [asyncio.create_task(part(), name=part.__qualname__) for part in parts]
        for task in tasks:
            task.add_done_callback(self._ended)
        # Objects made by now stay for good: collecting them again and again would delay every
        # stream by some milliseconds each time.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            self.hub.end()
            gc.unfreeze()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.listener.close()
            await self.pool.close(timeout=1)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            # Streams without updates would look live: end them, and report it in health.
            observe.logger("api").error("broken", part=task.get_name(), exc_info=error)
            self.hub.fault = f"{task.get_name()} broke down: {type(error).__name__}"
            self.hub.end()

"""Ingest ticks from the bus into the database until stopped.

Reads the bus; writes market.ticks, market.rejected_ticks, market.ingest_batches.
"""

import sys
from typing import Any

from jobs.run import run
from thor.config import Settings
from thor.flow.ingest import Ingestor
from thor.market.bus.client import Bus
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import endpoints


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Run one ingestor; its name, which a restart keeps, is the first argument."""
    urls = endpoints(Home(settings.home), settings)
    bus = Bus(urls.redis_url, settings.bus_ticks_max, settings.bus_keep_s)
    Ingestor(settings, bus, urls.database_url, consumer()).run(stop, log.info)


def consumer() -> str:
    """Return the consumer's name in the group, which is also the process's."""
    return sys.argv[1] if len(sys.argv) > 1 else "ingest-1"


if __name__ == "__main__":
    run(main, consumer())

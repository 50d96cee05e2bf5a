"""Publish the simulated market until stopped.

Reads reference data; writes the bus.
"""

from datetime import timedelta
from typing import Any

from jobs.run import run
from thor.config import Settings
from thor.flow.simulate import simulate
from thor.market.bus.client import Bus
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import endpoints


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Run the simulator on the bus and database of this home."""
    urls = endpoints(Home(settings.home), settings)
    skew_max = timedelta(seconds=settings.skew_max_s)
    bus = Bus(urls.redis_url, settings.bus_ticks_max, settings.bus_keep_s, skew_max)

    def on_wait(reason: str, attempt: int) -> None:
        log.info("waiting", reason=reason, attempt=attempt)

    simulate(settings, bus, urls.database_url, stop, on_wait)


if __name__ == "__main__":
    run(main, "simulate")

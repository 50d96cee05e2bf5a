"""Publish the simulated market until asked to stop.

Door. Reads reference data; writes the bus.
"""

from typing import Any

from jobs.run import run
from thor.config import Settings
from thor.flow.backoff import Stop
from thor.flow.simulator_to_bus import simulate
from thor.market.bus import Bus
from thor.services.home import Home
from thor.services.house import endpoints


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Run the simulator on the bus and database of this home."""
    urls = endpoints(Home(settings.home), settings)
    bus = Bus(urls.redis_url, settings.bus_ticks_max, settings.bus_keep_s)

    def say(reason: str, attempt: int) -> None:
        log.info("waiting", reason=reason, attempt=attempt)

    simulate(settings, bus, urls.database_url, stop, say)


if __name__ == "__main__":
    run(main, "simulate")

"""Trade the paper accounts on the stream's ticks until stopped.

Reads the bus, trade.orders and trade.modifications; writes trade.orders and trade.fills. Watches
the kill switch: cancels, flattens, and verifies that nothing is held.
"""

from typing import Any

from jobs.run import run
from thor.config import Settings
from thor.flow.trade import Trader
from thor.market.bus.client import Bus
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import endpoints


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Trade; a server that is away is waited for, and everything is reconciled after it."""
    urls = endpoints(Home(settings.home), settings)
    bus = Bus(urls.redis_url, settings.bus_ticks_max, settings.bus_keep_s)
    Trader(settings, bus, urls.database_url).run(stop, log.info)


if __name__ == "__main__":
    run(main, "trade")

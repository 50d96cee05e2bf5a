"""Refresh the bars of late and replayed ticks until stopped.

Reads market.bars_to_refresh; updates the stored bars to the ticks.
"""

from functools import partial
from typing import Any

from jobs.run import run
from thor import database
from thor.config import Settings
from thor.market.bars import refresh
from thor.runtime import Stop, persist
from thor.services.home import Home
from thor.services.running import database_url

_EVERY_S = 0.5


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Check every half second; wait for a server that is away or busy with a refresh."""
    # TimescaleDB lets only the owner of an aggregate refresh it.
    url = database_url(Home(settings.home), settings, "owner")
    while not stop.wait(_EVERY_S):
        pieces = persist(
            partial(_catch_up, url, stop),
            stop,
            lambda why, n: log.info("waiting", reason=why, attempt=n),
        )
        if pieces:
            log.debug("refreshed", pieces=pieces)


def _catch_up(url: str, stop: Stop) -> int:
    pieces = 0
    with database.connect(url, "bars") as connection:
        while not stop and refresh.refresh_next(connection):
            pieces += 1
    return pieces


if __name__ == "__main__":
    run(main, "bars")

"""Record when the world's markets open and close, until asked to stop.

Reads reference.markets; writes reference.market_days ahead, and studies.market_transitions. What
changed while it did not run is made up when it starts.
"""

from datetime import datetime
from functools import partial
from typing import Any

from jobs.run import run
from thor import clock, database
from thor.config import Settings
from thor.market.studies import market_clock
from thor.reference import markets
from thor.runtime import Stop, persist
from thor.services.home import Home
from thor.services.running import database_url

# A correction of the calendars is seen within this time.
_WAIT_MAX_S = 5.0


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Wake at each change, and every 5 s for changes of the calendars; wait for a server away."""
    url = database_url(Home(settings.home), settings)
    while True:
        due = persist(
            partial(_turn, url, log),
            stop,
            lambda why, n: log.info("waiting", reason=why, attempt=n),
        )
        wait_s = _WAIT_MAX_S
        if due is not None:
            # A moment late, so that the change is past.
            wait_s = min(max((due - clock.now()).total_seconds(), 0.0) + 0.01, _WAIT_MAX_S)
        if stop.wait(wait_s):
            break


def _turn(url: str, log: Any) -> datetime | None:
    with database.connect(url, "markets") as connection:
        now = clock.now()
        if days := markets.renew_days(connection, now.date()):
            log.info("days computed", days=days)
        for one in market_clock.record(connection, now):
            log.info(
                "market",
                market=one.market,
                at=one.at.isoformat(),
                from_state=one.from_state,
                to_state=one.to_state,
                is_recovered=one.is_recovered,
            )
        return market_clock.next_change(connection, now)


if __name__ == "__main__":
    run(main, "markets")

"""Record new highs and lows of 52 weeks and of all known time until stopped.

Reads market.last_values, daily bars and ticks; writes studies.extreme_events. Runs unless
THOR_52W_MONITOR is false.
"""

from functools import partial
from itertools import count
from typing import Any

from jobs.run import run
from thor import database
from thor.config import Settings
from thor.market.studies.extremes import Extremes, Kept
from thor.runtime import Stop, persist
from thor.services.home import Home
from thor.services.running import database_url

_EVERY_S = 1.0
# Every minute the older trade dates too, which a replay may have changed; every ten minutes each
# date anew, since a late tick may have been the first beyond.
_ALL_EVERY = 60
_ANEW_EVERY = 600


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Look once a second; a server that is away is waited for."""
    url = database_url(Home(settings.home), settings)
    extremes = Extremes()
    for turn in count():
        if turn % _ANEW_EVERY == 0:
            extremes.forget()
        keep = partial(_keep, url, extremes, is_all=turn % _ALL_EVERY == 0)
        done = persist(keep, stop, lambda why, n: log.info("waiting", reason=why, attempt=n))
        if done.written or done.removed:
            log.info("extremes", written=done.written, removed=done.removed)
        if stop.wait(_EVERY_S):
            break


def _keep(url: str, extremes: Extremes, *, is_all: bool) -> Kept:
    with database.connect(url, "extremes") as connection:
        return extremes.keep(connection, is_all=is_all)


if __name__ == "__main__":
    run(main, "extremes")

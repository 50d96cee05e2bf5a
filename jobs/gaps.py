"""Record gaps in the ticks until stopped.

Reads market.ticks; writes market.gaps.
"""

from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from jobs.run import run
from thor import clock, database
from thor.config import Settings
from thor.market.ticks import gaps
from thor.runtime import Stop, persist
from thor.services.home import Home
from thor.services.running import database_url

_EVERY_S = 30.0
_BACK = timedelta(hours=1)


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Scan every 30 s: first all since the newest gap, then recent and late ticks."""
    url = database_url(Home(settings.home), settings)
    for turn in count():
        scan = partial(_scan, url, None if turn == 0 else _BACK if turn % 10 else gaps.LATE)
        done = persist(scan, stop, lambda why, n: log.info("waiting", reason=why, attempt=n))
        (log.info if done else log.debug)("scanned", found=done.found, closed=done.closed)
        if stop.wait(_EVERY_S):
            break


def _scan(url: str, back: timedelta | None) -> gaps.Scan:
    with database.connect(url, "gaps") as connection:
        return gaps.catch_up(connection, clock.now(), back)


if __name__ == "__main__":
    run(main, "gaps")

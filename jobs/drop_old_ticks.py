"""Drop the ticks of old trade dates, once they are verified in the lake, and end.

Does nothing while THOR_TICKS_KEEP_DAYS is not set; bars stay for good.
"""

from datetime import timedelta
from typing import Any

from jobs.run import run
from thor import clock, database
from thor.config import Settings
from thor.errors import Broken
from thor.flow.drop_ticks import drop_old
from thor.lake.store import Store, url_of
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import database_url


def main(settings: Settings, _stop: Stop, log: Any) -> None:
    """Drop old trade dates that are proven; `Broken` where one could not be proven."""
    if settings.ticks_keep_days is None:
        log.info("nothing is dropped: THOR_TICKS_KEEP_DAYS is not set")
        return
    keep = timedelta(days=settings.ticks_keep_days)
    doubtful = []
    with database.connect(database_url(Home(settings.home), settings), "drop") as connection:
        for done in drop_old(connection, Store(url_of(settings)), keep, clock.now()):
            if done.why:
                doubtful.append(f"{done.trade_date} ({done.why})")
            else:
                log.info("dropped", trade_date=str(done.trade_date), ticks=done.ticks)
    if doubtful:
        raise Broken(f"Old ticks stay, the lake is no evidence for them: {', '.join(doubtful)}")


if __name__ == "__main__":
    run(main, "drop_old_ticks")

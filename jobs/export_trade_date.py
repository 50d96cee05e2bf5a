"""Export every closed trade date that the lake lacks in part, and rows shown to models since.

Reads the database; writes the lake. Run it when a trade date has closed, 17:00 in Chicago, or as
often as you like: complete dates are not touched.
"""

from typing import Any

from jobs.run import run
from thor import clock, database
from thor.config import Settings
from thor.errors import Broken
from thor.lake.export import coverage
from thor.lake.export.export import export
from thor.lake.export.trade_date import Ask
from thor.lake.store import Store, url_of
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import database_url


def main(settings: Settings, _stop: Stop, log: Any) -> None:
    """Export missing trade dates, then check that none is missing."""
    url, store = database_url(Home(settings.home), settings), Store(url_of(settings))
    now = clock.now()
    with database.connect(url, "export") as connection:
        missing = coverage.missing(connection, store, now)
        days = sorted({*missing, *coverage.shown_since(connection, store)})
    for done in export(url, store, Ask(days=tuple(days)), now) if days else ():
        for why in done.failed:
            log.error("not exported", trade_date=str(done.trade_date), reason=why)
        log.info("exported", trade_date=str(done.trade_date), ticks=done.ticks, files=done.written)
    with database.connect(url, "export") as connection:
        if left := coverage.missing(connection, store, now):
            raise Broken(f"The lake still lacks {', '.join(map(str, left))}: see what failed above")


if __name__ == "__main__":
    run(main, "export_trade_date")

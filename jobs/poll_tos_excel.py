"""Poll the desk's workbook until stopped.

Reads the workbook that is open in Excel, or a saved one; writes the bus.
"""

import argparse
from datetime import timedelta
from pathlib import Path
from typing import Any

from jobs.run import run
from thor.config import Settings
from thor.flow.poll_excel import poll_excel, with_options
from thor.market.bus.client import Bus
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import endpoints


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Run the collector on the bus and database of this home, with the command's options."""
    given = _parser().parse_args()
    settings = with_options(settings, given.file, given.sheet, given.range, given.interval)
    urls = endpoints(Home(settings.home), settings)
    skew_max = timedelta(seconds=settings.skew_max_s)
    bus = Bus(urls.redis_url, settings.bus_ticks_max, settings.bus_keep_s, skew_max)
    poll_excel(settings, bus, urls.database_url, stop, log, given.record)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m jobs.poll_tos_excel", description=__doc__)
    parser.add_argument("--file", help="the workbook, its name or full path")
    parser.add_argument("--sheet", help="the sheet of the quotes")
    parser.add_argument("--range", help="the cells, as A1:N13, or a table's name")
    parser.add_argument("--interval", type=float, help="seconds between two readings")
    parser.add_argument("--record", type=Path, help="a .parquet file to record readings")
    return parser


if __name__ == "__main__":
    run(main, "poll_tos_excel")

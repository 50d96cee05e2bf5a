"""`thor poll-tos-excel`: read the desk's workbook and publish its quotes."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from thor.config import Settings


def poll_tos_excel(
    file: Annotated[
        str | None, typer.Option(help="The workbook, its name or full path; THOR_EXCEL_FILE.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of the quotes; LiveData.")] = None,
    range_: Annotated[
        str | None, typer.Option("--range", help="The cells, or a table's name; A1:N13.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Seconds between two readings, at least 0.2; 2.0.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="A .parquet file to record readings, for replay.")
    ] = None,
) -> None:
    """Read the open workbook, or a saved one where there is no Excel, until Ctrl-C."""
    from thor import observe
    from thor.flow.poll_excel import poll_excel, with_options
    from thor.market.bus.client import Bus
    from thor.runtime import Stop
    from thor.services.home import Home
    from thor.services.running import endpoints

    settings = with_options(Settings(), file, sheet, range_, interval)
    observe.configure(settings.log_level, settings.log_format)
    urls = endpoints(Home(settings.home), settings)
    bus = Bus(urls.redis_url, settings.bus_ticks_max, settings.bus_keep_s)
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    poll_excel(settings, bus, urls.database_url, stop, observe.logger("excel"), record)

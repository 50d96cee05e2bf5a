"""Poll the desk's workbook and publish what changes, until the process is to stop.

Stages: 20 collect → 25 bus. Refuses a database that was not created for live data.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from thor import clock, database
from thor.config import Settings
from thor.database import edition
from thor.domain.instrument import Listing
from thor.errors import Refused, Rejected, Unavailable
from thor.flow.collect import Outlet, StatusReport, collect, status_of, wait_for
from thor.flow.lease import Lease
from thor.flow.publish import Publisher
from thor.flow.spill import Spill
from thor.market.bus.client import Bus
from thor.market.bus.messages import Claim
from thor.market.collect.collector import Step
from thor.market.collect.excel import workbook
from thor.market.collect.excel.changes import SOURCE
from thor.market.collect.excel.collector import ExcelCollector, Reader, check_interval
from thor.market.collect.excel.recorder import Recorder
from thor.reference import instruments
from thor.runtime import Stop, persist
from thor.services.home import Home

# A read may take as long as the wait for Excel, a publish as long as a timeout of the bus.
_LEASE_S = 20.0
_STORED_WITHIN = timedelta(days=1)


def check_options(settings: Settings) -> str:
    """Return the workbook to read. Raises `Rejected` for options that cannot be."""
    if settings.excel_file is None:
        raise Rejected("no workbook is named: give --file RTD_TOS.xlsm, or set THOR_EXCEL_FILE")
    check_interval(settings.excel_interval_s)
    if (fault := workbook.check_range(settings.excel_range)) is not None:
        raise Rejected(f"range: {fault}")
    return settings.excel_file


def with_options(
    settings: Settings,
    file: str | None,
    sheet: str | None,
    cells: str | None,
    interval_s: float | None,
) -> Settings:
    """Return the settings with the options that were given in place of their own."""
    given = {
        "excel_file": file,
        "excel_sheet": sheet,
        "excel_range": cells,
        "excel_interval_s": interval_s,
    }
    return settings.model_copy(update={k: v for k, v in given.items() if v is not None})


def poll_excel(
    settings: Settings,
    bus: Bus,
    database_url: str,
    stop: Stop,
    log: Any,
    record: Path | None = None,
    reader: Callable[[], Reader] | None = None,
) -> None:
    """Poll until `stop` is set; it waits for servers, for Excel, and for another poller to end.

    `record` is a file for the readings, in Thor's columnar format. `reader` opens the workbook;
    without it the settings name it. Raises `Rejected` for options that cannot be and `Refused` for
    a database that was not made for live data.
    """
    file = check_options(settings)
    home = Home(settings.home)

    def on_wait(reason: str, attempt: int) -> None:
        log.info("waiting", reason=reason, attempt=attempt)

    persist(lambda: _refuse_other_natures(database_url), stop, on_wait)
    recorder = None if record is None else Recorder(record)
    lease = Lease(bus, SOURCE, max(_LEASE_S, 5 * settings.excel_interval_s))
    open_reader = reader or partial(
        workbook.open_workbook, file, settings.excel_sheet, settings.excel_range
    )
    report = StatusReport(bus, home)
    log_wait = _Once(lambda reason: log.info("waiting", reason=reason))
    try:
        while True:
            wait_for(lease, stop, log_wait)
            source = open_reader()
            try:
                if _poll(
                    settings, bus, database_url, stop, log, home, source, lease, recorder, report
                ):
                    return
            finally:
                source.close()
            log.warning("another poller has taken over", holder=lease.holder)
    finally:
        with suppress(Unavailable):
            if lease.holder == lease.owner:
                report.forget(SOURCE)
            lease.release()
        if recorder is not None:
            log.info("recorded", file=str(record), ticks=recorder.close())


def _poll(
    settings: Settings,
    bus: Bus,
    database_url: str,
    stop: Stop,
    log: Any,
    home: Home,
    reader: Reader,
    lease: Lease,
    recorder: Recorder | None,
    report: StatusReport,
) -> bool:
    def on_wait(reason: str, attempt: int) -> None:
        log.info("waiting", reason=reason, attempt=attempt)

    listing, claims, last_seq, last_ts = persist(lambda: _stored(database_url), stop, on_wait)
    publisher = Publisher(
        bus, listing, stop, claims, skew_max=timedelta(seconds=settings.skew_max_s), waits=False
    )
    nature = settings.nature or "live"
    spill = Spill(home.path / "spill" / f"{SOURCE}-{nature}.jsonl")
    outlet = Outlet(SOURCE, publisher, spill)
    collector = ExcelCollector(
        reader,
        listing,
        now=clock.now,
        monotonic_s=clock.monotonic_s,
        wait=stop.wait,
        interval_s=settings.excel_interval_s,
        last_seq=last_seq,
        last_ts=last_ts,
    )
    log_state = _Once(lambda state: log.info("excel", state=state))
    log_faults = _Once(lambda faults: log.warning("left out", cells=faults))
    log_spill = _Once(lambda reason: log.warning("spilled", reason=reason))

    def on_step(step: Step) -> None:
        log_state(str(collector.state))
        log_faults("; ".join(step.faults))
        log_spill(f"{outlet.reason}: ticks go to {spill.file}" if outlet.reason else "")
        if recorder is not None:
            recorder.write(step.ticks)
        report(status_of(SOURCE, step, collector.state, outlet))

    return collect(collector, outlet, stop, on_step, lease)


class _Once:
    """Logs news, and nothing twice in a row."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last = ""

    def __call__(self, text: str) -> None:
        if text != self._last and text:
            self._say(text)
        self._last = text


def _refuse_other_natures(database_url: str) -> None:
    with database.connect(database_url, "excel") as connection:
        nature = edition.read(connection).nature
    if nature != "live":
        raise Refused(
            f"The database was made for {nature} data: the desk's quotes stay out. "
            "Start a live one with `thor up --live`, or name it with THOR_NATURE=live."
        )


def _stored(
    database_url: str,
) -> tuple[Listing, dict[str, Claim], int, datetime | None]:
    with database.connect(database_url, "excel") as connection:
        listing = instruments.listing(connection)
        claims = {
            symbol: Claim(*claim)
            for symbol, claim in instruments.claims(connection, SOURCE).items()
        }
        since = clock.now() - _STORED_WITHIN
        wanted = {"symbols": list(listing.series), "source": SOURCE, "since": since}
        highest = database.row(connection, "highest_of_source", wanted) or {}
    seq = highest.get("seq")
    return listing, claims, -1 if seq is None else seq, highest.get("ts")

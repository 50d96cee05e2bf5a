"""Replay a tape to the bus: list its months, refuse overlaps, publish at its pace.

Stages: 20 collect → 25 bus. The same file again changes no row: its source is its content, and the
ordinals of its records are their `seq`.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.instrument import Listing
from thor.domain.tick import SKEW_MAX
from thor.errors import NotFound, Refused
from thor.flow.collect import Outlet, collect
from thor.flow.publish import Publisher
from thor.market.bus.client import Bus
from thor.market.collect.files.collector import TapeCollector
from thor.market.collect.files.tape import Tape, open_tape
from thor.reference import instruments
from thor.reference.instruments import unlisted
from thor.runtime import Stop


def admit(
    connection: Connection[Any],
    path: Path,
    *,
    as_root: str | None,
    overlap: bool,
    skip_unlisted: bool = False,
) -> tuple[Tape, bool]:
    """Survey a tape and register it as a source; returns it and whether it is new.

    Raises `Rejected` for a file that is no tape, `NotFound` naming every symbol that is
    not listed unless those are to be skipped, `Refused` where stored ticks of another source
    overlap it or a series of it is simulated here.
    """
    listing = instruments.listing(connection)
    tape = open_tape(path, as_root=as_root, roots=listing.instruments)
    tape = _listed(tape, listing, skip_unlisted=skip_unlisted)
    _refuse_simulated(connection, tape)
    if not overlap:
        _refuse_overlap(connection, tape)
    codes = [(s.symbol, s.root) for s in tape.spans.values() if s.symbol != s.root]
    instruments.add_months(connection, codes)
    return tape, instruments.add_tape(connection, _row(tape))


def replay(
    tape: Tape,
    bus: Bus,
    connection: Connection[Any],
    speed: float | None,
    stop: Stop,
    on_progress: Callable[[int], None] = lambda _: None,
    on_wait: Callable[[str, int], None] = lambda *_: None,
    skew_max: timedelta = SKEW_MAX,
) -> int:
    """Publish an admitted tape, at so many times the market's speed; None is unlimited.

    Returns the ticks published. `on_progress` is called with the ticks so far, `on_wait` with the
    reason for a wait. Raises `Stopped` where the process is to stop meanwhile.
    """
    publisher = Publisher(
        bus, instruments.listing(connection), stop, on_wait=on_wait, skew_max=skew_max
    )
    outlet = Outlet(tape.source, publisher)
    collect(TapeCollector(tape, speed), outlet, stop, lambda _: on_progress(outlet.published))
    outlet.end()
    return outlet.published


def _listed(tape: Tape, listing: Listing, *, skip_unlisted: bool) -> Tape:
    """Return the tape without the series of roots that are not listed, or refuse it by them."""
    unknown = sorted({span.root for span in tape.spans.values()} - set(listing.instruments))
    if not unknown:
        return tape
    spans = {name: span for name, span in tape.spans.items() if span.root not in unknown}
    if skip_unlisted and spans:
        return msgspec.structs.replace(tape, spans=spans, skipped=frozenset(unknown))
    raise NotFound(unlisted(tape.path.name, unknown, skip="--skip-unlisted" if spans else None))


def _refuse_simulated(connection: Connection[Any], tape: Tape) -> None:
    found = database.rows(connection, "simulated_series", {"symbols": list(tape.spans)})
    if found:
        names = ", ".join(row["symbol"] for row in found)
        raise Refused(
            f"{tape.path.name}: {names} is simulated here, and recorded and simulated ticks never "
            f"share a series; `thor up --tape {tape.path} --speed 10x` plays it in a database of "
            "its own"
        )


def _refuse_overlap(connection: Connection[Any], tape: Tape) -> None:
    spans = list(tape.spans.values())
    wanted = {
        "source": tape.source,
        "symbols": [span.symbol for span in spans],
        "first_ts": [span.first_ts for span in spans],
        "last_ts": [span.last_ts for span in spans],
    }
    if found := database.row(connection, "overlapping_ticks", wanted):
        raise Refused(
            f"{tape.path.name}: {found['symbol']} has ticks of {found['source']} at "
            f"{found['ts'].isoformat()} already; --overlap files it beside them"
        )
    whole = {
        "source": tape.source,
        "symbols": wanted["symbols"],
        "first_ts": min(span.first_ts for span in spans),
        "last_ts": max(span.last_ts for span in spans),
    }
    if found := database.row(connection, "overlapping_tapes", whole):
        raise Refused(
            f"{tape.path.name}: overlaps {found['file_name']} ({found['source']}, "
            f"{found['first_ts'].isoformat()} to {found['last_ts'].isoformat()}); "
            "--overlap files it beside it"
        )


def _row(tape: Tape) -> dict[str, Any]:
    return {
        "source": tape.source,
        "sha256": tape.sha256,
        "description": f"tape {tape.path.name}",
        "file_name": tape.path.name,
        "format": tape.format if tape.schema == "neutral" else f"{tape.format} {tape.schema}",
        "vendor": tape.vendor,
        "records": tape.records,
        "symbols": sorted(tape.spans),
        "first_ts": min(span.first_ts for span in tape.spans.values()),
        "last_ts": max(span.last_ts for span in tape.spans.values()),
    }

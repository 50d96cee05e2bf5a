"""`thor replay`: replay recorded ticks, at any speed.

Reads tapes; writes the bus.
"""

import signal
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from thor.cli.common import console, notes, progress_bar, urls
from thor.config import Settings
from thor.errors import Broken, Rejected

_SETTLE_S = 60.0


def replay(
    files: Annotated[list[Path], typer.Argument(help="Parquet, CSV, .dbn or .dbn.zst files.")],
    speed: Annotated[str, typer.Option(help="1x, 10x, 0.5x … or max.")] = "max",
    as_root: Annotated[
        str | None, typer.Option("--as", help="File a single-month tape under its root.")
    ] = None,
    overlap: Annotated[
        bool, typer.Option("--overlap", help="Take a tape that overlaps stored ticks.")
    ] = False,
    skip_unlisted: Annotated[
        bool,
        typer.Option("--skip-unlisted", help="Take the listed series of a tape, leave the rest."),
    ] = False,
) -> None:
    """Replay tapes through the bus into the database; the same file again adds nothing."""
    from thor import database
    from thor.flow.replay import admit
    from thor.flow.replay import replay as play
    from thor.market.bus.client import Bus
    from thor.market.collect.files.pace import parse_speed
    from thor.runtime import Stop, Stopped

    times, settings, where = parse_speed(speed), Settings(), urls()
    skew_max = timedelta(seconds=settings.skew_max_s)
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    bus = Bus(where.redis_url, settings.bus_ticks_max, settings.bus_keep_s)
    with database.connect(where.database_url, "replay") as connection, progress_bar() as bar:
        for file in files:
            tape, is_new = admit(
                connection, file, as_root=as_root, overlap=overlap, skip_unlisted=skip_unlisted
            )
            task = bar.add_task(file.name, total=tape.records)
            lost_before = _lost(connection)

            def on_wait(reason: str, attempt: int) -> None:
                notes.print(f"waiting: {reason} (attempt {attempt})")

            def on_progress(done: int, task: Any = task) -> None:
                bar.update(task, completed=done)

            published = play(tape, bus, connection, times, stop, on_progress, on_wait, skew_max)
            _settle(bus, connection, stop)
            if stop:
                raise Stopped
            _look_for_gaps(connection, tape)
            _print_result(connection, tape, is_new, published)
            if lost := _lost(connection) - lost_before:
                raise Broken(
                    f"{lost} ticks were deleted from the bus before they were taken in: replay the "
                    "tape again"
                )


def _settle(bus: Any, connection: Any, stop: Any) -> None:
    """Wait until the published ticks are ingested, as long as there is progress."""
    from thor import clock, database

    state = bus.state()
    until, last = clock.monotonic_s() + _SETTLE_S, -1
    while not stop and clock.monotonic_s() < until:
        values = {"base": state.base, "next": state.next}
        counts = database.one(connection, "accounting", values)
        if counts["pending"] <= 0:
            return
        if counts["pending"] != last:
            last, until = counts["pending"], clock.monotonic_s() + _SETTLE_S
        stop.wait(0.1)
    if not stop:
        notes.print(
            f"{last} ticks wait on the bus and are not ingested: is an ingestor running? "
            "`thor status` shows it"
        )


def _lost(connection: Any) -> int:
    """Return how many ticks were ever deleted from the bus before they were taken in."""
    from thor import database

    return int(database.one(connection, "lost_ticks")["lost"])


def _look_for_gaps(connection: Any, tape: Any) -> None:
    """Fill the gaps of the tape's days."""
    from thor import clock
    from thor.domain.sessions import trade_date
    from thor.market.ticks import gaps

    first = trade_date(min(span.first_ts for span in tape.spans.values()))
    last = trade_date(max(span.last_ts for span in tape.spans.values()))
    gaps.scan(connection, clock.now(), first, trade_date_to=last)


def _print_result(connection: Any, tape: Any, is_new: bool, published: int) -> None:
    from thor import database

    values = {
        "symbols": sorted(tape.spans),
        "source": tape.source,
        "first": min(span.first_ts for span in tape.spans.values()),
        "last": max(span.last_ts for span in tape.spans.values()),
    }
    stored = database.one(connection, "source_counts", values)["ticks"]
    refused = database.one(connection, "source_rejected", values)["ticks"]
    skipped = tape.records - published
    left = f", {skipped} left out ({', '.join(sorted(tape.skipped))})" if tape.skipped else ""
    console.print(
        f"{tape.path.name}: {published} ticks published as {tape.source}"
        f"{'' if is_new else ' (replayed before)'}; the database has {stored} of them, "
        f"{refused} in quarantine{left}, symbols {', '.join(sorted(tape.spans))}"
    )
    if refused > stored:
        first = database.one(connection, "first_refusal", values)["why"]
        raise Rejected(
            f"{tape.path.name}: {refused} of {published} ticks were refused; the first: {first}; "
            "`thor ticks rejected` lists them"
        )

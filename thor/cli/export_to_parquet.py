"""`thor export-to-parquet`: write trade dates into the lake.

Calls `thor.lake.export.export`; failures are reported, and the rest continues.
"""

import sys
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
import typer

from thor.cli.common import console, database_url, day, notes, progress_bar
from thor.config import Settings
from thor.errors import NotFound, Rejected

_DAY = timedelta(days=1)


def export_to_parquet(
    of_date: Annotated[
        str | None, typer.Option("--date", help="Trade date, YYYY-MM-DD; not with --from.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First trade date.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last trade date.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these, as ES,NQ.")] = None,
    what: Annotated[
        str, typer.Option(help="Any of ticks,bars,features,reference.")
    ] = "ticks,bars,features,reference",
    is_open: Annotated[bool, typer.Option("--open", help="Also an open trade date.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write trade dates as Parquet under THOR_LAKE_URL; unchanged files are not touched."""
    from thor import clock
    from thor.lake.export.export import export
    from thor.lake.export.trade_date import Ask
    from thor.lake.store import Store, url_of

    url = database_url()
    store = Store(url_of(Settings()))
    kinds = _kinds(what)
    names_none = of_date is None and first is None and last is None
    ask = Ask(
        # The reference data have no date.
        days=() if kinds == ("reference",) and names_none else _days(url, of_date, first, last),
        what=kinds,
        symbols=_symbols(url, symbols),
        allow_open=is_open,
    )
    done: list[Any] = []
    with progress_bar() as bar:
        task = bar.add_task("exporting", total=None)

        def on_progress(text: str, rows: int, of_rows: int) -> None:
            bar.update(task, description=text, completed=rows, total=of_rows)

        for one in export(url, store, ask, clock.now(), on_progress):
            done.append(one)
            if not as_json:
                _print_result(one)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(done)).decode() + "\n")
    if codes := [one.exit_code for one in done if one.failed]:
        raise typer.Exit(codes[0])


def _days(url: str, of_date: str | None, first: str | None, last: str | None) -> tuple[date, ...]:
    if (of_date is None) == (first is None or last is None):
        raise Rejected("Name a trade date with --date, or several with --from and --to")
    one = day(of_date, "--date")
    if one is not None:
        if first is not None or last is not None:
            raise Rejected("--date: not together with --from or --to")
        return (one,)
    begin, end = day(first, "--from"), day(last, "--to")
    assert begin is not None
    assert end is not None
    if begin > end:
        raise Rejected(f"--from: {begin} is after --to {end}")
    found = tuple(_with_data(url, begin, end))
    if not found:
        raise NotFound(f"--from: there is nothing from {begin} to {end}")
    return found


def _with_data(url: str, first: date, last: date) -> list[date]:
    from thor import database

    with database.connect(url, "cli") as connection:
        span = {"first": first, "last": last}
        return [row["trade_date"] for row in database.rows(connection, "lake_dates", span)]


def _symbols(url: str, text: str | None) -> tuple[str, ...] | None:
    from thor import database
    from thor.reference import instruments

    if text is None:
        return None
    with database.connect(url, "cli") as connection:
        listing = instruments.listing(connection)
    # The export refuses unlisted symbols by name.
    return tuple(dict.fromkeys(listing.symbol_of(word) or word for word in _words(text)))


def _kinds(text: str) -> Any:
    from thor.lake.manifest import KINDS

    found = _words(text)
    if not found or set(found) - set(KINDS):
        raise Rejected(f"--what: {text!r} is not some of {','.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in found)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _print_result(one: Any) -> None:
    name = "reference" if one.trade_date is None else f"{one.trade_date}"
    if one.written or one.kept:
        rows = f"{one.ticks:,} ticks, " if one.trade_date is not None else ""
        console.print(
            f"{name}: {rows}{one.bytes / 1e6:,.1f} MB; {one.written} files written, {one.kept} "
            "unchanged",
            highlight=False,
        )
    for text in one.failed:
        notes.print(f"thor: {name}: {text}", markup=False, highlight=False, soft_wrap=True)

"""`thor bars`: import bars of a vendor, compare them with those of ticks, rebuild bars.

Reads files; writes and reads market.bars_imported.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, console, instant, open_database, progress_bar, show
from thor.errors import Rejected

# The exit code of `thor bars compare` where bars differ: no error, but not 0 either.
DIFFERENT = 7
_DAY_LENGTH = len("2026-11-22")

app = typer.Typer(no_args_is_help=True, help="Import a vendor's bars, compare them, rebuild bars.")


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="Parquet, CSV, .dbn or .dbn.zst (ohlcv) files.")
    ],
    as_root: Annotated[
        str | None, typer.Option("--as", help="File a single-month file under its root.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace another file's bars.")
    ] = False,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Take the good bars of a file with bad ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import bars of a vendor; the same file again changes nothing, a bad row refuses its file."""
    import msgspec

    from thor.flow.import_bars import import_bars
    from thor.market.collect.files.bar_tape import open_bars
    from thor.reference import instruments

    done = []
    with open_database() as connection, progress_bar() as bar:
        for path in files:
            tape = open_bars(path, as_root=as_root, roots=instruments.instruments(connection))
            task = bar.add_task(path.name, total=tape.records)

            def on_progress(read: int, task: Any = task) -> None:
                bar.update(task, completed=read)

            result = import_bars(
                connection,
                tape,
                replace=replace,
                skip_refused=skip_refused,
                on_progress=on_progress,
            )
            done.append({"file_name": path.name, **msgspec.structs.asdict(result)})
            if not as_json:
                _print_result(path.name, result, sorted(tape.spans), tape.schema)
    if as_json:
        show(done, "files", as_json=True)


@app.command("compare")
def compare(
    symbol: Annotated[str | None, typer.Option(help="Only this symbol's.")] = None,
    width: Annotated[str | None, typer.Option(help="1s, 1m, 5m, 1h or 1d; all.")] = None,
    ts_from: Annotated[
        str | None, typer.Option("--from", help="First start of a bar, ISO 8601 with a zone.")
    ] = None,
    ts_to: Annotated[
        str | None, typer.Option("--to", help="Starts before this, ISO 8601 with a zone.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many differences.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Compare imported bars with the ticks' own; ends with 0 where equal, 7 where they differ."""
    from thor import database

    values = {
        "symbol": symbol,
        "width": width,
        "ts_from": instant(ts_from, "--from"),
        "ts_to": instant(ts_to, "--to"),
    }
    with open_database() as connection:
        _check(connection, values)
        fields = database.rows(connection, "bar_fields_compared", values)
        first = database.rows(connection, "bar_differences", {**values, "limit": limit})
    if as_json:
        json.dump({"fields": fields, "differences": first}, sys.stdout, default=str, indent=2)
        sys.stdout.write("\n")
    elif not fields:
        console.print("no imported bar has a computed one beside it")
    else:
        show(fields, "fields", as_json=False)
        show(first, "first differences", as_json=False)
    if any(row["different"] for row in fields):
        raise typer.Exit(DIFFERENT)


@app.command("rebuild")
def rebuild(
    start: Annotated[str, typer.Option("--from", help="First instant, or first UTC day.")],
    end: Annotated[str, typer.Option("--to", help="First instant after it, or last UTC day.")],
    drop_empty: Annotated[
        bool, typer.Option("--drop-empty", help="Delete bars whose ticks are gone.")
    ] = False,
) -> None:
    """Rebuild all bars of a range from its ticks; dropped ranges stay as they are."""
    from thor.market.bars import refresh

    first, last = _bound(start, "--from"), _bound(end, "--to")
    if len(end) == _DAY_LENGTH:
        last += timedelta(days=1)
    with open_database("owner") as connection, progress_bar() as bar:
        task = bar.add_task("rebuilding bars", total=None)
        for done, slices in refresh.rebuild(connection, first, last, drop_empty=drop_empty):
            bar.update(task, completed=done, total=slices)
    console.print(f"the bars from {first.isoformat(' ')} to {last.isoformat(' ')} are rebuilt")


def _check(connection: Any, values: dict[str, Any]) -> None:
    from thor.domain.bar import WIDTHS
    from thor.reference import instruments

    symbol, width = values["symbol"], values["width"]
    if width is not None and width not in WIDTHS:
        raise Rejected(f"--width: {width!r} is none of {', '.join(WIDTHS)}")
    if values["ts_from"] and values["ts_to"] and values["ts_from"] >= values["ts_to"]:
        raise Rejected(
            f"--from: {values['ts_from'].isoformat()} is not before "
            f"--to {values['ts_to'].isoformat()}"
        )
    if symbol is not None:
        values["symbol"] = instruments.symbol_of(connection, symbol, "--symbol")


def _print_result(name: str, result: Any, symbols: list[str], schema: str) -> None:
    if not result.is_new and not result.written:
        console.print(
            f"{name}: imported before as {result.file}, nothing changed; {result.bars} of its "
            f"{result.records} bars stand"
        )
        return
    console.print(
        f"{name}: {result.written} bars written as {result.file}, {result.bars} of its "
        f"{result.records} stand, symbols {', '.join(symbols)}"
    )
    if result.refused:
        console.print(f"  refused and left out: {result.refused}")
        for line in result.refusals:
            console.print(f"  {line}", markup=False)
    if result.left_out:
        console.print(
            f"  left out: {result.left_out} of a weekend; Sunday's evening in Chicago belongs to "
            "Monday's trade date, for which the vendor has a day"
        )
    if schema == "ohlcv-1d":
        console.print(
            "  a day of this vendor runs from midnight to midnight UTC, the exchange's from "
            "17:00 to 17:00 in Chicago; each is known when the vendor's has ended"
        )


def _bound(text: str, name: str) -> datetime:
    found = instant(f"{text}T00:00:00Z" if len(text) == _DAY_LENGTH else text, name)
    if found is None:
        raise Rejected(f"{name}: give a UTC day, or an ISO 8601 time with its zone")
    return found.astimezone(UTC)

"""`thor lake sql`: query the lake, without a server.

Calls `thor.lake`; an error of DuckDB is one line and an exit code.
"""

import csv
import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer

from thor.cli.common import day, notes, show
from thor.errors import Rejected

# A table for people to look at; --csv and --json give every row.
_SHOWN_MAX = 1000


class Bars(StrEnum):
    """The origin of bars."""

    STORED = "stored"
    TICKS = "ticks"


def sql(
    query: Annotated[str, typer.Argument(help="The query, in DuckDB's SQL.")],
    bars: Annotated[
        Bars, typer.Option(help="Bars as exported, or computed from the ticks.")
    ] = Bars.STORED,
    first: Annotated[
        str | None, typer.Option("--from", help="First trade date; all of them.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last trade date; all of them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, every row.")] = False,
) -> None:
    """Query the lake: ticks, bars_1s … bars_1d, feat.matrix_1m and the rest, as in PostgreSQL."""
    from thor import lake
    from thor.lake.query.ask import ask

    if as_json and as_csv:
        raise Rejected("--json and --csv: one of them")
    since, until = day(first, "--from"), day(last, "--to")
    with lake.connect(bars=bars.value, first=since, last=until) as connection:
        names, rows = ask(connection, query)
        if as_csv:
            written = csv.writer(sys.stdout, lineterminator="\n")
            written.writerow(names)
            written.writerows(rows)
        elif as_json:
            _json(names, rows)
        elif names:
            _table(names, rows)


def _table(names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    shown = [dict(zip(names, row, strict=True)) for row in islice(rows, _SHOWN_MAX)]
    show(shown, "rows", as_json=False)
    if next(rows, None) is not None:
        notes.print(f"the first {_SHOWN_MAX} rows; --csv and --json print all of them")


def _json(names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    # Row by row: a result may be larger than memory.
    head = "["
    for row in rows:
        text = json.dumps(dict(zip(names, row, strict=True)), default=str)
        sys.stdout.write(f"{head}\n  {text}")
        head = ","
    sys.stdout.write("[]\n" if head == "[" else "\n]\n")

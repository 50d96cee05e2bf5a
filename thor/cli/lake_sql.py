"""`thor lake sql`: ask the lake, without a server.

Door. Calls `thor.lake.connect`; what DuckDB has to say against a query is one line and
an exit code.
"""

import csv
import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

import typer

from thor.cli.place import day, notes, show
from thor.errors import Rejected, Unavailable

_BATCH_ROWS = 10_000
# A table for people to look at; --csv and --json give every row.
_SHOWN_MAX = 1000


class Bars(StrEnum):
    """Where bars come from."""

    STORED = "stored"
    TICKS = "ticks"


def sql(
    query: Annotated[str, typer.Argument(help="What to ask, in DuckDB's SQL.")],
    bars: Annotated[
        Bars, typer.Option(help="Bars as exported, or made anew of the ticks.")
    ] = Bars.STORED,
    first: Annotated[
        str | None, typer.Option("--from", help="First trade date that is seen; all of them.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last trade date that is seen; all of them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, every row.")] = False,
) -> None:
    """Ask the lake: ticks, bars_1s … bars_1d, feat.matrix_1m and the rest, as in PostgreSQL."""
    import duckdb

    from thor import lake

    if as_json and as_csv:
        raise Rejected("--json and --csv: one of them")
    since, until = day(first, "--from"), day(last, "--to")
    with lake.connect(bars=bars.value, first=since, last=until) as door:
        try:
            asked = door.sql(query)
            if asked is None:
                return
            batches = asked.to_arrow_reader(_BATCH_ROWS)
            _print(_apart(asked.columns), batches, as_json=as_json, as_csv=as_csv)
        except duckdb.IOException as error:
            raise Unavailable(f"sql: {_said(error)}") from error
        except duckdb.InterruptException as error:
            raise KeyboardInterrupt from error
        except duckdb.Error as error:
            raise Rejected(f"sql: {_said(error)}") from error


def _print(names: list[str], batches: Any, *, as_json: bool, as_csv: bool) -> None:
    rows = _rows(names, batches)
    if as_csv:
        written = csv.writer(sys.stdout, lineterminator="\n")
        written.writerow(names)
        written.writerows(row.values() for row in rows)
    elif as_json:
        _json(rows)
    else:
        show(list(islice(rows, _SHOWN_MAX)), "rows", as_json=False)
        if next(rows, None) is not None:
            notes.print(f"the first {_SHOWN_MAX} rows; --csv and --json print all of them")


def _json(rows: Iterator[dict[str, Any]]) -> None:
    # Row by row: a lake's answers may be longer than memory.
    head = "["
    for row in rows:
        sys.stdout.write(f"{head}\n  {json.dumps(row, default=str)}")
        head = ","
    sys.stdout.write("[]\n" if head == "[" else "\n]\n")


def _apart(names: list[str]) -> list[str]:
    # `select a.x, b.x` has two columns of one name, and both are shown.
    return [
        f"{name}_{before + 1}" if (before := names[:place].count(name)) else name
        for place, name in enumerate(names)
    ]


def _rows(names: list[str], batches: Any) -> Iterator[dict[str, Any]]:
    for batch in batches:
        columns = [column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def _said(error: Exception) -> str:
    """Return DuckDB's words without the query, which the person has just written."""
    return " ".join(str(error).partition("\n\nLINE")[0].split())

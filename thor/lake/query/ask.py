"""Run a query on the lake; DuckDB's errors become Thor's.

Stage 55, lake. Takes a connection of `connect`; gives rows as they are made.
"""

from collections.abc import Iterator
from typing import Any

import duckdb

from thor.errors import Rejected, Unavailable

_BATCH_ROWS = 10_000


def ask(
    connection: duckdb.DuckDBPyConnection, query: str
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Return the columns and the rows of a query, a batch of rows in memory at a time.

    Times are UTC, prices `Decimal`. A statement without rows gives no columns. Raises `Rejected`
    where the query is wrong, `Unavailable` where a file cannot be read, here or while rows are
    taken.
    """
    rows = _rows(connection, query)
    names = next(rows)
    return list(names), rows


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    try:
        asked = connection.sql(query)
        if asked is None:
            yield ()
            return
        yield tuple(_apart(asked.columns))
        # Batch by batch, so that not all rows are in memory.
        for batch in asked.to_arrow_reader(_BATCH_ROWS):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except duckdb.IOException as error:
        raise Unavailable(f"sql: {_message(error)}") from error
    except duckdb.Error as error:
        raise Rejected(f"sql: {_message(error)}") from error


def _apart(names: list[str]) -> list[str]:
    # `select a.x, b.x` has two columns of one name, and both are shown.
    return [
        f"{name}_{before + 1}" if (before := names[:index].count(name)) else name
        for index, name in enumerate(names)
    ]


def _message(error: Exception) -> str:
    """Return DuckDB's message without the query, which the user knows."""
    return " ".join(str(error).partition("\n\nLINE")[0].split())

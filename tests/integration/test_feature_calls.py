"""Calls of features: symbols in small letters, open bounds, and refusals."""

from collections.abc import Iterator
from typing import Any

import duckdb
import psycopg
import pytest
from features_made import FAMILIES, engine, made_bars, put_bars, put_sessions

Link = psycopg.Connection[Any]
Lake = duckdb.DuckDBPyConnection
CALLS = (*FAMILIES, "matrix")


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """A database with bars of two symbols; read only."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        put_sessions(found, ("CME_EQUITY",))
        for symbol in ("ES", "GC"):
            put_bars(found, made_bars(2, symbol, "1m", 120))
        yield found


@pytest.fixture(scope="module")
def lake(link: Link) -> Iterator[Lake]:
    """A DuckDB with the same bars."""
    with engine(link) as found:
        yield found


def rows(link: Link, call: str) -> int:
    """Return how many rows a call of PostgreSQL gives."""
    (found,) = link.execute(f"select count(*) from feat.{call}".encode()).fetchone() or (-1,)
    return int(found)


def test_symbols_in_small_letters_and_null_bounds_work(link: Link, lake: Lake) -> None:
    for name in CALLS:
        for call, of_lake, expected in (
            ("('1m', '{es}', null, null)", "('1m', ['es'], null, null)", 120),
            ("('1m', '{Es, GC}', null, null)", "('1m', ['Es', 'GC'], null, null)", 240),
            ("('1m', null, null, null)", "('1m', null, null, null)", 240),
            (
                "('1m', '{ES}', '2024-03-04 23:30Z', null)",
                "('1m', ['ES'], '2024-03-04 23:30Z', null)",
                None,
            ),
            (
                "('1m', '{ES}', null, '2024-03-04 23:30Z')",
                "('1m', ['ES'], null, '2024-03-04 23:30Z')",
                None,
            ),
        ):
            found = rows(link, name + call)
            assert lake.sql(f"select count(*) from feat.{name}{of_lake}").fetchall() == [(found,)]
            assert found == expected if expected else 0 < found < 120, name + call


@pytest.mark.parametrize(
    ("call", "of_lake", "message"),
    [
        (
            "('1m', '{ES, ESX, zz}', null, null)",
            "('1m', ['ES', 'ESX', 'zz'], null, null)",
            "symbols: ESX, ZZ: not listed",
        ),
        ("('2m', '{ES}', null, null)", "('2m', ['ES'], null, null)", "width: 2m: take 1m, 5m or"),
        (
            "('1m', '{ES}', '2024-03-05 00:00Z', '2024-03-04 00:00Z')",
            "('1m', ['ES'], '2024-03-05 00:00Z', '2024-03-04 00:00Z')",
            "from: 2024-03-05.* is after to: 2024-03-04",
        ),
    ],
)
def test_what_would_give_no_row_in_silence_is_refused_by_name(
    link: Link, lake: Lake, call: str, of_lake: str, message: str
) -> None:
    for name in CALLS:
        with pytest.raises(psycopg.Error, match=message):
            rows(link, name + call)
        with pytest.raises(duckdb.Error, match=message):
            lake.sql(f"select * from feat.{name}{of_lake}").fetchall()

"""Every family, without being named: the same in both engines, blind to what comes later,
and in need of no more past than it says."""

from collections.abc import Iterator
from typing import Any

import duckdb
import psycopg
import pytest
from features_made import (
    FAMILIES,
    WIDTHS,
    differences,
    engine,
    into_duckdb,
    made_bars,
    put_bars,
    put_sessions,
)

Link = psycopg.Connection[Any]
BARS = 3600
CUT = "2024-03-07 12:34:56Z"
RANGE = ("2024-03-07 09:30Z", "2024-03-08 02:00Z")

every_family = pytest.mark.parametrize("family", FAMILIES)
every_width = pytest.mark.parametrize("width", WIDTHS)


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """A ledger with bars of four symbols at three widths; read only."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        put_sessions(found, ("CME_EQUITY", "CME_METALS"))
        for symbol in ("ES", "NQ", "YM", "GC"):
            for width in WIDTHS:
                put_bars(found, made_bars(5, symbol, width, BARS))
        yield found


@pytest.fixture(scope="module")
def lake(link: Link) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with the same bars and the same texts."""
    with engine(link) as found:
        yield found


@pytest.fixture(scope="module")
def past(link: Link) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with the bars that were known at a moment inside of a bar."""
    with engine(link, f"known_at <= '{CUT}'") as found:
        yield found


@every_width
@every_family
def test_postgresql_and_duckdb_agree(
    link: Link, lake: duckdb.DuckDBPyConnection, family: str, width: str
) -> None:
    into_duckdb(link, lake, f"select * from feat.{family}_{width}", "theirs")
    assert lake.execute("select count(*) from theirs").fetchone() == (4 * BARS,)
    assert differences(lake, "theirs", f"feat.{family}_{width}") == []


@every_family
def test_every_feature_says_something_somewhere(
    lake: duckdb.DuckDBPyConnection, family: str
) -> None:
    silent: list[set[str]] = []
    for width in WIDTHS:
        rows = lake.execute(f"summarize feat.{family}_{width}").fetchall()
        silent.append({row[0] for row in rows if row[2] is None or row[2] == row[3]})
    assert set.intersection(*silent) == set()


@every_width
@every_family
def test_a_range_is_the_whole_cut_and_needs_no_more_past_than_it_reads(
    link: Link, lake: duckdb.DuckDBPyConnection, family: str, width: str
) -> None:
    first, last = RANGE
    into_duckdb(
        link, lake, f"select * from feat.{family}('{width}', '{{ES,GC}}', '{first}', '{last}')",
        "part",
    )  # fmt: skip
    whole = (
        f"(select * from feat.{family}_{width} where symbol in ('ES', 'GC') "
        f"and bar_start >= '{first}' and bar_start < '{last}')"
    )
    assert lake.execute("select count(*) > 5 from part").fetchone() == (True,)
    assert differences(lake, "part", whole) == []


@every_width
@every_family
def test_what_is_known_at_a_moment_does_not_change_with_what_comes_later(
    link: Link, past: duckdb.DuckDBPyConnection, family: str, width: str
) -> None:
    into_duckdb(link, past, f"select * from feat.{family}_{width}", "whole")
    known = f"(select * from whole where known_at <= '{CUT}')"
    assert past.execute(f"select count(*) > 50 from {known}").fetchone() == (True,)
    assert differences(past, known, f"feat.{family}_{width}") == []

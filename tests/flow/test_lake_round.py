"""From the database into the lake and out through DuckDB: the same ticks, bars and features."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from features_made import FAMILIES, differences, into_duckdb, put_sessions
from lake_database import MONDAY, TUESDAY, WIDTHS, fill, out

from thor import lake
from thor.lake.store import Store

pytestmark = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]
Duck = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def linked(kept_url: str) -> Iterator[Link]:
    """Two trade dates of two symbols and the sessions they lie in; read only."""
    with psycopg.connect(kept_url, autocommit=True) as link:
        calendars = link.execute("select distinct calendar from reference.instruments").fetchall()
        put_sessions(link, tuple(name for (name,) in calendars))
        fill(kept_url, MONDAY, TUESDAY)
        yield link


@pytest.fixture(scope="module", params=["stored", "ticks"])
def duck(
    linked: Link, kept_url: str, request: pytest.FixtureRequest, tmp_path_factory: Any
) -> Iterator[Duck]:
    """A DuckDB over the exported lake, its bars as written or computed from the ticks."""
    folder: Path = tmp_path_factory.mktemp("lake")
    what = ("ticks", "bars", "reference")
    done = out(kept_url, Store(str(folder)), MONDAY, TUESDAY, what=what)
    assert [one.failed for one in done] == [[]] * len(done)
    with lake.connect(str(folder), bars=request.param) as found:
        yield found


@pytest.mark.parametrize("relation", ["ticks", *(f"bars_{width}" for width in WIDTHS)])
def test_an_export_is_what_duckdb_shows(linked: Link, duck: Duck, relation: str) -> None:
    into_duckdb(linked, duck, f"select * from market.{relation}", "memory.main.theirs")
    assert duck.sql("select count(*) > 0 from theirs").fetchall() == [(True,)]
    # Times of the database's own work are no market data.
    own = "created_at" if relation == "ticks" else "changed_at"
    for one, other in (("theirs", f"market.{relation}"), (f"market.{relation}", "theirs")):
        rows = f"from {one} select * exclude ({own}) except from {other} select * exclude ({own})"
        assert duck.sql(f"select columns(*)::varchar from ({rows}) limit 3").fetchall() == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_features_of_the_lake_are_those_of_the_database(
    linked: Link, duck: Duck, family: str
) -> None:
    into_duckdb(linked, duck, f"select * from feat.{family}_1m", "memory.main.theirs")
    asked = "select name from feat.catalogue where unit like 'points%'"
    points = frozenset(name for (name,) in linked.execute(asked))
    assert differences(duck, "theirs", f"feat.{family}_1m", points=points) == []

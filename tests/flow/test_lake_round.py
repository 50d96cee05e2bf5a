"""From the database into the lake and out of its door: the same ticks, bars and features."""

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

pytestmark = pytest.mark.edition("plain", "timescale")

Link = psycopg.Connection[Any]
Door = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def ledger(kept_url: str) -> Iterator[Link]:
    """Two trade dates of two symbols and the sessions they lie in; read only."""
    with psycopg.connect(kept_url, autocommit=True) as link:
        calendars = link.execute("select distinct calendar from reference.instruments").fetchall()
        put_sessions(link, tuple(name for (name,) in calendars))
        fill(kept_url, MONDAY, TUESDAY)
        yield link


@pytest.fixture(scope="module", params=["stored", "ticks"])
def door(
    ledger: Link, kept_url: str, request: pytest.FixtureRequest, tmp_path_factory: Any
) -> Iterator[Door]:
    """The door of what the export wrote, its bars as written or made of the ticks."""
    folder: Path = tmp_path_factory.mktemp("lake")
    what = ("ticks", "bars", "reference")
    done = out(kept_url, Store(str(folder)), MONDAY, TUESDAY, what=what)
    assert [one.failed for one in done] == [[]] * len(done)
    with lake.connect(str(folder), bars=request.param) as found:
        yield found


@pytest.mark.parametrize("relation", ["ticks", *(f"bars_{width}" for width in WIDTHS)])
def test_what_was_exported_is_what_the_door_shows(ledger: Link, door: Door, relation: str) -> None:
    into_duckdb(ledger, door, f"select * from market.{relation}", "memory.main.theirs")
    assert door.sql("select count(*) > 0 from theirs").fetchall() == [(True,)]
    # What the database says of its own doing is not market data.
    own = "created_at" if relation == "ticks" else "changed_at"
    for one, other in (("theirs", f"market.{relation}"), (f"market.{relation}", "theirs")):
        rows = f"from {one} select * exclude ({own}) except from {other} select * exclude ({own})"
        assert door.sql(f"select columns(*)::varchar from ({rows}) limit 3").fetchall() == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_features_of_the_lake_are_those_of_the_database(
    ledger: Link, door: Door, family: str
) -> None:
    into_duckdb(ledger, door, f"select * from feat.{family}_1m", "memory.main.theirs")
    asked = "select name from feat.catalogue where unit like 'points%'"
    points = frozenset(name for (name,) in ledger.execute(asked))
    assert differences(door, "theirs", f"feat.{family}_1m", points=points) == []

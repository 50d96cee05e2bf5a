"""What models were shown, in the lake and back: to the last bit, with the sets that explain it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from lake_database import MONDAY, everything, fill, made_databases, out

from thor import database
from thor.database.edition import Edition
from thor.flow.restore_from_lake import restore_from_lake
from thor.lake import connect, manifest
from thor.lake.export import coverage
from thor.lake.export.verify import verify
from thor.lake.store import Store
from thor.services.running import Endpoints

# Monday's session begins on Sunday evening. 0.1 is no float32, NaN is no number of JSON's.
ROWS = """
insert into store.feature_sets (name, version, hash, names, width, look_back)
values
    ('base', 1, repeat('a', 64), '{rsi_14,roc_10,deviation_20}', '1m', '1 day 02:00:00'),
    ('base', 2, repeat('b', 64), '{rsi_14}', '1m', '1 hour');
insert into store.feature_rows (set_hash, symbol, bar_start, version, changed_at, values)
values
    (repeat('a', 64), 'ES', '2024-06-30 22:30+00', 1, '2024-07-01 00:00:00.123456+00',
        '{-3e-30,NaN,0.1}'),
    (repeat('a', 64), 'ES', '2024-07-01 14:30+00', 1, '2024-07-01 15:00+00', '{1,2,16777217}'),
    (repeat('a', 64), 'ES', '2024-07-01 14:30+00', 2, '2024-07-01 16:00+00', '{1,2.5,Infinity}'),
    (repeat('b', 64), 'ES', '2024-07-01 14:30+00', 1, '2024-07-01 15:00+00', '{71.25}'),
    (repeat('b', 64), 'CL', '2024-07-01 14:30+00', 1, '2024-07-01 15:00+00', '{NaN}'),
    (repeat('b', 64), 'ES', '2024-07-02 14:30+00', 1, '2024-07-02 15:00+00', '{33}');
"""
KEY = "set_hash, symbol, bar_start, version"
SHOWN = manifest.shown_path(MONDAY, "ES")


@pytest.fixture
def empty(endpoints: Endpoints, edition: Edition) -> Iterator[Callable[[], str]]:
    """Makes databases without a tick."""
    with made_databases(endpoints.database_url, edition) as make:
        yield make


def test_rows_shown_to_models_are_in_the_lake_and_come_back(
    database_url: str, tmp_path: Path, empty: Callable[[], str]
) -> None:
    store = Store(str(tmp_path / "lake"))
    fill(database_url, MONDAY, an_hour=2)
    out(database_url, store, MONDAY, what=manifest.KINDS)
    with psycopg.connect(database_url, autocommit=True) as link:
        link.execute(ROWS)

    # A training reads dates that were exported before it.
    with database.connect(database_url, "test") as connection:
        wrong = [one for one in verify(connection, store, MONDAY) if not one.is_good]
        assert sorted((one.state, one.path) for one in wrong) == [
            ("missing", manifest.shown_path(MONDAY, "CL")), ("missing", SHOWN),
        ]  # fmt: skip
        assert coverage.shown_since(connection, store) == [MONDAY]
        done, _ = out(database_url, store, MONDAY, what=manifest.KINDS)
        # The files of ticks, bars and features have not changed.
        assert (done.written, done.failed) == (2, [])
        assert coverage.shown_since(connection, store) == []
        states = {one.path: one for day in (MONDAY, None) for one in verify(connection, store, day)}
        assert {one.state for one in states.values()} == {"equal"}
        assert (states[SHOWN].lake_rows, states[SHOWN].database_rows) == (4, 4)

    with connect(store.url) as lake:
        found = lake.execute(
            "select r.version, s.names[3], r.values[2], r.values[3], r.trade_date::varchar"
            " from store.feature_rows as r join store.feature_sets as s on s.hash = r.set_hash"
            " where r.symbol = 'ES' and s.version = 1 order by r.bar_start, r.version"
        ).fetchall()
    assert str(found[0][2]) == "nan"
    assert [row[3] for row in found] == [0.10000000149011612, 16777216.0, float("inf")]
    assert {row[:2] + row[4:] for row in found[1:]} == {
        (1, "deviation_20", "2024-07-01"), (2, "deviation_20", "2024-07-01"),
    }  # fmt: skip

    # Here another set has the number of one of the lake's.
    url = empty()
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(
            "insert into store.feature_sets (name, version, hash, names, width, look_back)"
            " values ('base', 1, repeat('c', 64), '{roc_10}', '1m', '1 hour')"
        )
    assert [(one.shown, one.failed) for one in restore_from_lake(url, store, [MONDAY])] == [(5, [])]
    there, of_monday = everything(url, "store.feature_rows", KEY), "where bar_start < '2024-07-02'"
    assert str(there) == str(everything(database_url, f"store.feature_rows {of_monday}", KEY))
    sets = everything(url, "store.feature_sets", "version")
    assert [(row[1], row[2][0]) for row in sets] == [(1, "c"), (2, "a"), (3, "b")]
    assert [one.shown for one in restore_from_lake(url, store, [MONDAY])] == [0]

    # Other values here stay, and are named; so is a damaged file.
    file = Path(store.url) / manifest.shown_path(MONDAY, "CL")
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("update store.feature_rows set values[1] = 8 where version = 2")
        damaged, other = restore_from_lake(url, store, [MONDAY])[0].failed
        assert f"{file} is damaged: its SHA-256 is not the manifest's" in damaged
        assert f"{SHOWN}: the database has other values of 1 rows" in other
        kept = link.execute("select values[1] from store.feature_rows where version = 2").fetchall()
        assert kept == [(8.0,)]

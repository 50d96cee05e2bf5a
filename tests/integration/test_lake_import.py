"""From the lake back into an empty database: the same ticks, the same bars."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lake_database import AFTER, MONDAY, TUESDAY, WIDTHS, everything, fill, made_databases, out

from thor import database
from thor.database.edition import Edition
from thor.errors import Refused
from thor.flow.import_bars import import_bars
from thor.flow.restore_from_lake import restore_from_lake
from thor.lake import manifest
from thor.lake.export import coverage
from thor.lake.export.verify import verify
from thor.lake.store import Store
from thor.market.collect.files.bar_tape import open_bars
from thor.services.running import Endpoints

pytestmark = pytest.mark.editions("plain", "timescale")

# Changed by a person: the lake's word goes, versions and all.
REFERENCE = """
update reference.instruments set margin = 14000 where symbol = 'ES';
insert into reference.series (symbol, root, kind) values ('ESU24', 'ES', 'month');
insert into reference.sources (source, kind, description) values ('TAPE:0123abcd', 'tape', 'é "x"');
insert into reference.tapes (
    source, sha256, file_name, format, vendor, records, symbols, first_ts, last_ts
)
values ('TAPE:0123abcd', '0123abcd' || repeat('0', 56), E'a\\tb\\\\c.csv', 'csv', null, 3,
    '{ES,"C L"}', '2024-07-01 14:00+00', '2024-07-01 15:00+00');
update reference.instruments set aliases = '{"a b","é,","{}"}' where symbol = 'CL';
"""
TABLES = {
    "reference.instruments": "symbol",
    "reference.series": "symbol",
    "reference.sources": "source",
    "reference.tapes": "source",
    "reference.sessions": "calendar, trade_date",
    "reference.versions": "relation, key, version",
}


@pytest.fixture
def empty(endpoints: Endpoints, edition: Edition) -> Iterator[Callable[[], str]]:
    """Makes databases of the edition without a tick."""
    with made_databases(endpoints.database_url, edition) as make:
        yield make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


def refers(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {name: everything(url, name, order) for name, order in TABLES.items()}


def has(url: str) -> dict[str, list[tuple[Any, ...]]]:
    found = {f"bars_{w}": everything(url, f"market.bars_{w}", "symbol, bar_start") for w in WIDTHS}
    # A quote is made of the newest ticks, which came back.
    quotes = {"quotes": everything(url, "market.quotes", "symbol")}
    return found | quotes | {"ticks": everything(url, "market.ticks", "symbol, ts, seq, source")}


def test_an_empty_database_gets_the_same_ticks_bars_and_reference(
    database_url: str, store: Store, empty: Callable[[], str]
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(REFERENCE)
    fill(database_url, MONDAY, TUESDAY, an_hour=30)
    out(database_url, store, MONDAY, TUESDAY, what=manifest.KINDS)
    url = empty()
    done = restore_from_lake(url, store, [MONDAY, TUESDAY])
    assert [(one.ticks, one.there, one.failed) for one in done] == [(1440, 0, []), (1440, 0, [])]
    assert has(url) == has(database_url)
    assert refers(url) == refers(database_url)
    with database.connect(url, "test") as connection:
        for day in (MONDAY, TUESDAY, None):
            # Features are computed anew by the store, and say when.
            found = verify(connection, store, day, kinds=("ticks", "bars", "reference"))
            wrong = [one for one in found if not one.is_good]
            assert wrong == []
        assert coverage.missing(connection, store, AFTER) == []
    # Nothing left to be made right, and the same again brings nothing.
    assert everything(url, "market.bars_to_refresh", "1") == []
    assert [(one.ticks, one.there) for one in restore_from_lake(url, store, [MONDAY])] == [
        (0, 1440)
    ]
    assert has(url) == has(database_url)


def test_a_whole_dates_manifest_is_read_once_a_minute_and_that_of_a_missing_one_each_time(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    read: list[date] = []
    now_s = [100.0]
    whole = manifest.read
    monkeypatch.setattr(manifest, "read", lambda of, day: read.append(day) or whole(of, day))
    monkeypatch.setattr(coverage.clock, "monotonic_s", lambda: now_s[0])
    kept = coverage.LakeCoverage(keep_s=60)
    with database.connect(database_url, "test") as connection:
        assert [kept.missing(connection, store, AFTER) for _ in range(3)] == [[], [], []]
        assert read == [MONDAY]
        now_s[0] = 160.0
        assert kept.missing(connection, store, AFTER) == []
        assert read == [MONDAY, MONDAY]
        fill(database_url, TUESDAY)
        assert kept.missing(connection, store, AFTER) == [TUESDAY]
        assert kept.missing(connection, store, AFTER) == [TUESDAY]
        assert read == [MONDAY, MONDAY, TUESDAY, TUESDAY]


def test_an_import_that_was_cut_goes_on_where_it_was(
    database_url: str, store: Store, empty: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY, what=manifest.KINDS)
    url = empty()

    def cut(what: str, done: int, _total: int) -> None:
        if what.startswith("ticks") and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore_from_lake(url, store, [MONDAY], cut)
    assert len(everything(url, "market.ticks", "1")) == 480
    [done] = restore_from_lake(url, store, [MONDAY])
    assert (done.ticks, done.there, done.failed) == (480, 480, [])
    assert has(url) == has(database_url)


def test_a_damaged_partition_is_named_and_the_rest_comes(
    database_url: str, store: Store, empty: Callable[[], str]
) -> None:
    fill(database_url, MONDAY, TUESDAY)
    out(database_url, store, MONDAY, TUESDAY)
    damaged = Path(store.url) / manifest.ticks_path(MONDAY, "CL")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    url = empty()
    first, second = restore_from_lake(url, store, [MONDAY, TUESDAY])
    assert [str(damaged) in text for text in first.failed] == [True]
    assert (first.ticks, second.ticks, second.failed) == (480, 960, [])
    whose = {(row[1], row[-1]) for row in everything(url, "market.ticks", "1")}
    assert whose == {("ES", MONDAY), ("ES", TUESDAY), ("CL", TUESDAY)}


def test_a_date_with_other_ticks_is_refused_and_left_alone(
    database_url: str, store: Store, empty: Callable[[], str]
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    url = empty()
    fill(url, MONDAY, an_hour=3, symbols=("ES",))
    before = has(url)["ticks"]
    [done] = restore_from_lake(url, store, [MONDAY])
    assert "holds other ticks of ES" in done.failed[0]
    assert done.ticks == 480
    assert [row for row in has(url)["ticks"] if row[1] == "ES"] == before


def test_ticks_that_were_dropped_here_do_not_come_back(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from market.ticks")
        connection.execute(
            "insert into market.dropped_ranges (trade_date, ts_from, ts_to, ticks, evidence)"
            " values ('2024-07-01', '2024-06-30 22:00+00', '2024-07-01 22:00+00', 960, 'x')"
        )
    with pytest.raises(Refused, match="The ticks of 2024-07-01 were dropped"):
        restore_from_lake(database_url, store, [MONDAY])


def test_a_lake_of_another_nature_is_refused(database_url: str, store: Store) -> None:
    store.write("lake.json", b'{"format": 1, "made_by": "thor 0", "nature": "live"}')
    with pytest.raises(Refused, match="holds live data"):
        restore_from_lake(database_url, store, [MONDAY])


VENDOR = """symbol,ts,interval,open,high,low,close,volume,n_trades
ES,2024-07-01T14:00:00Z,1h,5000,5010,4990,5005,900000,
ES,2024-07-01T15:00:00Z,1m,5000,5010,4990,5005,1,1
NQ,2024-07-01T14:00:00Z,1m,18000,18010,17990,18005,10,3
NQ,2024-07-01T14:01:00Z,1m,18005,18020,18000,18015,20,4
NQ,2024-07-01T20:59:00Z,1m,18015,18030,18010,18025,30,5
NQ,2024-07-02T00:00:00Z,1d,18030,18100,17900,18050,500000,
"""


def take_bars(url: str, folder: Path, text: str) -> None:
    path = folder / "vendor.csv"
    path.write_text(text)
    with psycopg.connect(url, autocommit=True) as connection:
        import_bars(connection, open_bars(path))


def test_a_vendor_s_bars_come_back_and_what_was_made_of_them_can_still_give_way(
    database_url: str, store: Store, empty: Callable[[], str], tmp_path: Path
) -> None:
    url = empty()
    for each in (database_url, url):
        with psycopg.connect(each, autocommit=True) as connection:
            connection.execute("update ops.edition set nature = 'recorded'")
    fill(database_url, MONDAY)
    take_bars(database_url, tmp_path, VENDOR)
    with psycopg.connect(database_url, autocommit=True) as connection:
        # As of a vendor whose day runs to midnight UTC; imported on another day than restored.
        connection.execute(
            "update bars_imported set ends_at = '2024-07-03' where width = '1d' and made_of is null"
        )
        connection.execute("update bars_imported set imported_at = '2024-07-19 12:00:00.5Z'")
    out(database_url, store, MONDAY, TUESDAY, what=manifest.KINDS)
    done = restore_from_lake(url, store, [MONDAY, TUESDAY])
    assert [(one.ticks, one.failed) for one in done] == [(960, []), (0, [])]
    # NQ's minutes and its day; the hour of ES, and its day, which was made of a minute too that
    # its ticks cover: that is not in the lake.
    assert [one.imported for one in done] == [3 + 1 + 1, 1]
    assert has(url) == has(database_url)
    with database.connect(url, "test") as connection:
        for day in (MONDAY, TUESDAY, None):
            # Features follow from the bars as the store computes them.
            found = verify(connection, store, day, kinds=("ticks", "bars", "reference"))
            assert [one for one in found if not one.is_good] == []
    assert [one.imported for one in restore_from_lake(url, store, [MONDAY, TUESDAY])] == [0, 0]
    assert has(url) == has(database_url)
    head = VENDOR.splitlines()[0]
    take_bars(url, tmp_path, f"{head}\nNQ,2024-07-01T14:00:00Z,5m,18000,18021,17989,18015,31,8\n")
    hours = "market.bars_1h where symbol = 'NQ' and is_imported"
    assert everything(url, hours, "bar_start")[0][5:10] == (18000, 18021, 17989, 18015, 31)


def test_other_bars_of_a_vendor_than_the_lake_s_are_named_and_stay(
    database_url: str, store: Store, empty: Callable[[], str], tmp_path: Path
) -> None:
    take_bars(database_url, tmp_path, VENDOR)
    out(database_url, store, TUESDAY)
    url = empty()
    take_bars(url, tmp_path, VENDOR.replace("18050,500000", "18060,500000"))
    [done] = restore_from_lake(url, store, [TUESDAY])
    assert done.imported == 0
    assert "1 of its bars overlap those of vendor.csv" in done.failed[0]
    assert everything(url, "market.bars_1d where trade_date = '2024-07-02'", "1")[0][8] == 18060

"""Export into the lake: the contents of files, what is written again, and refusals."""

import json
import os
import resource
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
import pytest
from lake_database import (
    AFTER,
    MONDAY,
    TUESDAY,
    WEDNESDAY,
    WIDTHS,
    everything,
    fill,
    one_tick,
    out,
    snapshot,
)
from typer.testing import CliRunner

from thor import database
from thor.cli import app
from thor.errors import NotFound, Refused, Rejected, Unavailable
from thor.lake import manifest, parquet
from thor.lake.export import fetch, lock, ticks
from thor.lake.export.export import export
from thor.lake.export.trade_date import Ask
from thor.lake.export.verify import verify
from thor.lake.store import Store

pytestmark = pytest.mark.editions("plain", "timescale")
# What is about the lake's files and locks, and not about how the database keeps its rows.
PLAIN = pytest.mark.editions("plain")

DIFFERENT = 7
# In the second hour of Monday's trade date.
LATE = datetime(2024, 6, 30, 23, 15, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lake"))


def state(url: str, store: Store, day: Any) -> dict[str, str]:
    with database.connect(url, "test") as connection:
        return {one.path: one.state for one in verify(connection, store, day)}


def thor(monkeypatch: pytest.MonkeyPatch, url: str, store: Store, *words: str) -> Any:
    monkeypatch.setenv("THOR_DATABASE_URL", url)
    monkeypatch.setenv("THOR_LAKE_URL", store.url)
    return CliRunner().invoke(app, list(words))


def test_a_file_of_ticks_holds_every_column_of_every_tick_exactly(
    database_url: str, store: Store
) -> None:
    fill(database_url, MONDAY, an_hour=30)
    [done] = out(database_url, store, MONDAY)
    assert (done.failed, done.ticks) == ([], 2 * 24 * 30)
    for symbol in ("ES", "CL"):
        path = f"{store.url}/{manifest.ticks_path(MONDAY, symbol)}"
        with psycopg.connect(database_url) as connection:
            cursor = connection.execute(
                "select * from market.ticks where symbol = %s order by ts, seq, source", (symbol,)
            )
            wanted = cursor.fetchall()
            names = [column.name for column in cursor.description or ()]
        table = pq.ParquetFile(path).read()
        assert table.schema.names == names
        assert [tuple(row.values()) for row in table.to_pylist()] == wanted
        # Another engine reads the same numbers.
        reported = f"select sum(last), count(side), min(last) from '{path}'"
        with psycopg.connect(database_url) as connection:
            asked = "select sum(last), count(side), min(last) from market.ticks where symbol = %s"
            assert (
                duckdb.sql(reported).fetchall() == connection.execute(asked, (symbol,)).fetchall()
            )


def test_bars_and_features_are_those_of_the_views(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY, TUESDAY)
    out(database_url, store, TUESDAY)
    for width in WIDTHS:
        path = f"{store.url}/{manifest.bars_path(TUESDAY, 'ES', width)}"
        rows = [tuple(row.values()) for row in pq.ParquetFile(path).read().to_pylist()]
        every = everything(database_url, f"market.bars_{width}", "symbol, bar_start")
        assert rows == [row for row in every if row[0] == "ES" and row[4] == TUESDAY]
        assert rows
    path = f"{store.url}/{manifest.features_path(TUESDAY, 'ES', '1h')}"
    table = pq.ParquetFile(path).read()
    with psycopg.connect(database_url) as connection:
        cursor = connection.execute(
            "select * from store.features_1h where symbol = 'ES'"
            " and bar_start >= '2024-07-01 22:00+00' and bar_start < '2024-07-02 22:00+00'"
            " order by bar_start"
        )
        assert [tuple(row.values()) for row in table.to_pylist()] == cursor.fetchall()
        assert table.schema.names == [column.name for column in cursor.description or ()]


def test_the_manifest_describes_the_files(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    said = json.loads(store.read(f"manifests/date={MONDAY}.json"))
    assert (said["format"], said["trade_date"], said["is_closed"]) == (1, "2024-07-01", True)
    part = next(one for one in said["parts"] if one["path"].endswith("symbol=ES/ticks.parquet"))
    assert (part["rows"], part["source_rows"]) == (480, 480)
    assert part["sha256"] == parquet.sha256(store, part["path"])
    assert part["min_ts"] == "2024-06-30T22:00:00Z"
    assert json.loads(store.read("lake.json"))["format"] == 1
    file = pq.ParquetFile(f"{store.url}/{part['path']}").metadata.row_group(0)
    columns = {file.column(n).path_in_schema: file.column(n) for n in range(file.num_columns)}
    assert "DELTA_BINARY_PACKED" in columns["ts"].encodings
    assert "DELTA_BINARY_PACKED" in columns["seq"].encodings
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert columns["last"].statistics.min == Decimal("5000.25")


def test_an_export_where_nothing_changed_touches_no_file(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    every = manifest.KINDS
    out(database_url, store, MONDAY, what=every)
    before = snapshot(Path(store.url))
    done = out(database_url, store, MONDAY, what=every)
    assert snapshot(Path(store.url)) == before
    assert [one.written for one in done] == [0, 0]


def test_a_late_tick_rewrites_the_files_it_changes_and_no_other(
    database_url: str, store: Store
) -> None:
    fill(database_url, MONDAY, TUESDAY)
    out(database_url, store, MONDAY, TUESDAY, what=("ticks", "bars"))
    before = snapshot(Path(store.url))
    one_tick(database_url, LATE)
    out(database_url, store, MONDAY, TUESDAY, what=("ticks", "bars"))
    after = snapshot(Path(store.url))
    assert {path for path in after if after[path] != before[path]} == {
        manifest.path_of(MONDAY),
        manifest.ticks_path(MONDAY, "ES"),
        *(manifest.bars_path(MONDAY, "ES", width) for width in WIDTHS),
    }
    assert set(state(database_url, store, MONDAY).values()) == {"equal"}


def test_words_that_come_late_in_the_day_are_read_too(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY, an_hour=70)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("alter table market.ticks disable trigger user")
        connection.execute(
            "update market.ticks set contract = 'a {b} ''c'' %s' where symbol = 'ES'"
            " and ts > '2024-07-01 20:00+00' and seq % 7 = 0"
        )
    # Small blocks: some were given when the strange word comes.
    monkeypatch.setattr("thor.database.copy.BLOCK_BYTES", 20_000)
    [done] = out(database_url, store, MONDAY, what=("ticks",))
    assert done.failed == []
    assert set(state(database_url, store, MONDAY).values()) == {"equal"}


def test_an_export_that_was_cut_goes_on_where_it_was(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)
    whole = parquet.write
    count = 0

    def cut(*given: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        # The second file of bars; those of ticks are there.
        if count == 2:
            raise KeyboardInterrupt
        return whole(*given, **more)

    monkeypatch.setattr(parquet, "write", cut)
    with pytest.raises(KeyboardInterrupt):
        out(database_url, store, MONDAY)
    assert not store.exists(manifest.path_of(MONDAY))
    before = snapshot(Path(store.url))
    # What a killed writer leaves beside a file.
    left = Path(store.url) / f"ticks/date={MONDAY}/symbol=ES/.ticks.parquet.0123.part"
    left.write_bytes(b"half")
    monkeypatch.setattr(parquet, "write", whole)
    [done] = out(database_url, store, MONDAY)
    assert (done.kept, done.written) == (3, 15)
    after = snapshot(Path(store.url))
    kept = {path for path in before if path.startswith(("ticks/", "bars/"))}
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert not left.exists()
    assert set(state(database_url, store, MONDAY).values()) == {"equal"}


def test_an_interrupt_in_the_midst_of_a_copy_is_heard_and_lets_everything_go(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("thor.database.copy._wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            out(database_url, store, MONDAY, what=("bars",))
    assert not store.exists(lock.LOCK)
    assert [one.failed for one in out(database_url, store, MONDAY, what=("bars",))] == [[]]


def test_only_what_is_asked_is_exported_and_the_rest_is_kept(
    database_url: str, store: Store
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY, what=("ticks",), symbols=("ES",))
    assert [path for path in store.list("") if path.endswith(".parquet")] == [
        manifest.ticks_path(MONDAY, "ES")
    ]
    out(database_url, store, MONDAY, what=("bars",), symbols=("CL",))
    said = manifest.known(store, MONDAY)
    assert said.what == ["ticks", "bars"]
    assert len(said.parts) == 1 + len(WIDTHS)


def test_ticks_that_are_gone_from_the_database_stay_in_the_lake(
    database_url: str, store: Store
) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY)
    content = store.read(manifest.ticks_path(MONDAY, "ES"))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from market.ticks where symbol = 'ES' and seq % 2 = 0")
    [done] = out(database_url, store, MONDAY)
    assert done.exit_code == Refused.exit_code
    assert "ticks are never taken out of the lake" in done.failed[0]
    assert store.read(manifest.ticks_path(MONDAY, "ES")) == content


@PLAIN
def test_a_date_without_data_is_not_found_and_the_rest_goes_on(
    database_url: str, store: Store
) -> None:
    fill(database_url, WEDNESDAY)
    nothing, done = out(database_url, store, MONDAY, WEDNESDAY)
    assert nothing.exit_code == NotFound.exit_code
    assert "there is nothing on 2024-07-01, a Monday" in nothing.failed[0]
    assert done.failed == []
    assert manifest.dates(store) == [WEDNESDAY]


@PLAIN
def test_an_open_date_is_refused_unless_it_is_asked_for(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    close = datetime(2024, 7, 1, 22, tzinfo=UTC)
    [done] = out(database_url, store, MONDAY, now=close)
    assert done.exit_code == Refused.exit_code
    assert "2024-07-01 is open until 2024-07-01 22:00 UTC" in done.failed[0]
    assert store.list("ticks") == []
    [done] = out(database_url, store, MONDAY, now=close, allow_open=True)
    assert done.failed == []
    assert not manifest.known(store, MONDAY).is_closed
    out(database_url, store, MONDAY, now=close + timedelta(seconds=1))
    assert manifest.known(store, MONDAY).is_closed


@PLAIN
def test_an_unknown_symbol_is_rejected(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    with pytest.raises(Rejected, match="--symbols: XX, YY is not listed"):
        out(database_url, store, MONDAY, symbols=("ES", "YY", "XX"))
    assert store.list("") == []


@PLAIN
def test_a_lake_of_a_newer_thor_is_refused(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    store.write("lake.json", b'{"format": 2, "made_by": "thor 9", "nature": "simulated"}')
    with pytest.raises(Refused, match="has format 2, made by thor 9"):
        out(database_url, store, MONDAY)
    assert store.list("") == ["lake.json"]


@PLAIN
def test_a_lake_of_live_data_takes_none_that_is_simulated(database_url: str, store: Store) -> None:
    store.write("lake.json", b'{"format": 1, "made_by": "thor 0", "nature": "live"}')
    with pytest.raises(Refused, match="holds live data and the database simulated"):
        out(database_url, store, MONDAY)


@PLAIN
def test_two_exports_at_once_are_refused(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    first = export(database_url, store, Ask(days=(MONDAY, MONDAY), what=("ticks",)), AFTER)
    next(first)
    with pytest.raises(Refused, match="Another export of database .* is under way"):
        out(database_url, store, MONDAY)
    assert [one.failed for one in first] == [[]]
    assert not store.exists(lock.LOCK)


@PLAIN
def test_another_database_waits_for_the_lake(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)
    other = lock.LakeLock(store, "thor (elsewhere:5432)")
    other.take()
    with pytest.raises(Refused, match="thor \\(elsewhere:5432\\) is being exported into"):
        out(database_url, store, MONDAY)
    # One that gave no sign of life for so long is gone.
    monkeypatch.setattr(lock, "STALE", timedelta(0))
    assert [one.failed for one in out(database_url, store, MONDAY)] == [[]]


@PLAIN
def test_a_read_only_lake_is_reported(database_url: str, tmp_path: Path) -> None:
    fill(database_url, MONDAY)
    tmp_path.chmod(0o500)
    # Where not even root makes a folder.
    folder = Path("/sys/kernel") if os.geteuid() == 0 else tmp_path
    with pytest.raises(Unavailable, match=r"lake/exports.lock: may not be written"):
        out(database_url, Store(str(folder / "lake")), MONDAY)


@PLAIN
def test_an_impossible_folder_for_the_lake_is_reported(database_url: str, tmp_path: Path) -> None:
    fill(database_url, MONDAY)
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(Unavailable, match="exports.lock"):
        out(database_url, Store(str(tmp_path / "lake")), MONDAY)


@PLAIN
def test_a_full_disk_leaves_nothing_half_written(database_url: str, store: Store) -> None:
    fill(database_url, MONDAY)
    out(database_url, store, MONDAY, what=("ticks",))
    fill(database_url, TUESDAY, an_hour=400)
    before = snapshot(Path(store.url))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, limits[1]))
    try:
        with pytest.raises(Unavailable, match="the disk is full"):
            out(database_url, store, TUESDAY, what=("ticks",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert snapshot(Path(store.url)) == before
    assert [one.failed for one in out(database_url, store, TUESDAY)] == [[]]


@PLAIN
def test_a_reader_that_fails_is_heard_and_the_other_ends(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)

    def failing(*_: Any) -> Any:
        raise Unavailable("PostgreSQL: gone")

    monkeypatch.setattr(fetch.reader, "ticks", failing)
    with pytest.raises(Unavailable, match="gone"):
        out(database_url, store, MONDAY)
    assert [thread.name for thread in threading.enumerate() if "fetch" in thread.name] == []


def sliced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a date read in many slices, and its files written in groups of a few rows."""
    monkeypatch.setattr(fetch, "SLICE_TICKS", 50)
    monkeypatch.setattr(ticks, "PENDING_ROWS", 150)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 100)


def test_files_that_are_read_slice_by_slice_are_whole_and_in_order(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY, an_hour=30)
    sliced(monkeypatch)
    [done] = out(database_url, store, MONDAY, what=("ticks",))
    assert (done.failed, done.written, done.ticks) == ([], 2, 2 * 24 * 30)
    for symbol in ("ES", "CL"):
        file = pq.ParquetFile(f"{store.url}/{manifest.ticks_path(MONDAY, symbol)}")
        assert file.metadata.num_row_groups > 3
        rows = [tuple(row.values()) for row in file.read(["ts", "seq", "source"]).to_pylist()]
        wanted = everything(
            database_url,
            f"(select ts, seq, source from market.ticks where symbol = '{symbol}') as t",
            "ts, seq, source",
        )
        assert rows == wanted
    assert set(state(database_url, store, MONDAY).values()) == {"equal"}


def test_what_is_cut_among_files_written_together_leaves_no_half_and_goes_on(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY, symbols=("ES", "CL"))
    sliced(monkeypatch)
    flush = parquet.File.flush
    count = 0

    def cut(file: parquet.File) -> None:
        nonlocal count
        count += 1
        if count == 5:
            raise KeyboardInterrupt
        flush(file)

    with monkeypatch.context() as patch:
        patch.setattr(parquet.File, "flush", cut)
        with pytest.raises(KeyboardInterrupt):
            out(database_url, store, MONDAY, what=("ticks",))
    assert store.list("ticks") == []
    # One file at a time: what is done before a cut stays done.
    monkeypatch.setattr(ticks, "TOGETHER_TICKS", 100)
    count = -1
    with monkeypatch.context() as patch:
        patch.setattr(parquet.File, "flush", cut)
        with pytest.raises(KeyboardInterrupt):
            out(database_url, store, MONDAY, what=("ticks",))
    assert len(store.list("ticks")) == 1
    [done] = out(database_url, store, MONDAY, what=("ticks",))
    assert (done.failed, done.kept, done.written) == ([], 1, 1)
    assert set(state(database_url, store, MONDAY).values()) == {"equal"}


@PLAIN
def test_a_file_that_lacks_what_the_server_sent_is_not_put_in_its_place(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)
    add = parquet.File.add

    def losing(file: parquet.File, table: Any) -> None:
        add(file, table.slice(1) if "symbol=ES" in table_of(file) else table)

    def table_of(file: Any) -> str:
        return str(file.one.path)

    monkeypatch.setattr(parquet.File, "add", losing)
    [done] = out(database_url, store, MONDAY, what=("ticks",))
    assert "the database sent 480 ticks, and not all came" in done.failed[0]
    assert not store.exists(manifest.ticks_path(MONDAY, "ES"))


def test_verification_names_what_differs_and_goes_on(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY, TUESDAY)
    out(database_url, store, MONDAY, TUESDAY, what=manifest.KINDS)
    assert thor(monkeypatch, database_url, store, "lake", "verify").exit_code == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "update market.ticks set bid_size = 4 where symbol = 'CL' and seq = 1001"
            " and trade_date = '2024-07-01'"
        )
    damaged = Path(store.url) / manifest.bars_path(TUESDAY, "ES", "1m")
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.write_bytes(content)
    (Path(store.url) / manifest.ticks_path(TUESDAY, "CL")).unlink()
    said = thor(monkeypatch, database_url, store, "lake", "verify")
    assert said.exit_code == DIFFERENT
    lines = [line for line in said.stdout.splitlines() if line.startswith(("d", "m"))]
    assert [line.partition(" ")[0] for line in lines] == ["differs:", "damaged:", "damaged:"]
    assert manifest.ticks_path(MONDAY, "CL") in lines[0]
    assert "rows have other values" in lines[0]
    assert "SHA-256" in lines[1] + lines[2]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update market.ticks set bid_size = 3 where bid_size = 4")
    only = thor(monkeypatch, database_url, store, "lake", "verify", "--date", str(MONDAY))
    assert only.exit_code == 0


@PLAIN
def test_the_commands_end_with_the_codes_of_what_is_wrong(
    database_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, MONDAY)

    def run(*words: str) -> Any:
        return thor(monkeypatch, database_url, store, "export-to-parquet", *words)

    done = run("--from", "2024-06-20", "--to", "2024-07-10", "--json")
    assert done.exit_code == 0, done.output
    assert [(one["trade_date"], one["ticks"]) for one in json.loads(done.stdout)] == [
        ("2024-07-01", 960), (None, 0),
    ]  # fmt: skip
    done = run("--what", "reference", "--json")
    assert [one["trade_date"] for one in json.loads(done.stdout)] == [None]
    assert manifest.dates(store) == [MONDAY]
    assert run("--date", "2024-06-22").exit_code == NotFound.exit_code
    assert isinstance(run("--date", "22.6.2024").exception, Rejected)
    assert isinstance(run("--date", "2024-07-01", "--from", "2024-07-01").exception, Rejected)
    assert isinstance(run("--date", "2024-07-01", "--what", "tick").exception, Rejected)
    assert isinstance(run("--from", "2024-07-02", "--to", "2024-07-01").exception, Rejected)
    assert isinstance(run("--from", "2020-07-02", "--to", "2020-07-03").exception, NotFound)
    asked = thor(monkeypatch, database_url, store, "lake", "verify", "--date", "2024-06-22")
    assert isinstance(asked.exception, NotFound)

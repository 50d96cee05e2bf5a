"""The lake's store: its location, how files are written, and the manifest's parts."""

import errno
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as pa_parquet

from thor.config import Settings
from thor.errors import Broken, NotFound, Refused, Rejected, Unavailable
from thor.lake import manifest, parquet
from thor.lake.export import fetch, lock, plan, ticks
from thor.lake.export.blocks import Words
from thor.lake.store import Store, url_of


def test_the_lake_is_in_the_home_unless_it_is_set(tmp_path: Path) -> None:
    home = Settings(home=tmp_path, lake_url=None, _env_file=None)  # type: ignore[call-arg]
    assert url_of(home) == str(tmp_path / "lake")
    said = Settings(home=tmp_path, lake_url="s3://b/c", _env_file=None)  # type: ignore[call-arg]
    assert url_of(said) == "s3://b/c"


def test_a_folder_may_be_a_path_or_a_file_url(tmp_path: Path) -> None:
    Store(str(tmp_path)).write("a/b", b"x")
    assert Store(f"file://{tmp_path}").read("a/b") == b"x"
    with pytest.raises(Rejected, match="THOR_LAKE_URL: gopher://x/y"):
        Store("gopher://x/y")


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("a/b", b"old")

    def fail() -> None:
        with store.new("a/b") as beside:
            beside.write_bytes(b"ne")
            assert store.read("a/b") == b"old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert store.read("a/b") == b"old"
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["b"]


def test_what_was_left_half_written_is_swept(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("a/b", b"x")
    (tmp_path / "a" / ".b.01234567.part").write_bytes(b"half")
    store.sweep("a")
    store.sweep("nowhere")
    assert store.list("") == ["a/b"]


def test_a_file_that_is_not_there_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=f"{tmp_path}/x/y"):
        Store(str(tmp_path)).read("x/y")


def test_rows_come_back_from_a_file_as_they_went_in(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    seconds = [datetime(2024, 7, 1, tzinfo=UTC) + timedelta(seconds=n) for n in range(5)]
    table = pa.table(
        {
            "ts": pa.array(seconds, pa.timestamp("us", "UTC")),
            "word": pa.array(["a", None, "", "b", "a"]).dictionary_encode(),
            "names": pa.array([["x", None], [], None, ["y"], ["x"]]),
            "value": [0.1, None, float("inf"), -0.0, 1e-300],
        }
    )
    written = parquet.write(store, "x.parquet", [table.slice(0, 2), table.slice(2)])
    assert written is not None
    assert (written.rows, written.min_ts, written.max_ts) == (5, seconds[0], seconds[4])
    [back] = parquet.tables(store, "x.parquet")
    assert back.to_pylist() == table.to_pylist()
    assert str(back.schema.field("word").type) == "string"
    total = parquet.Sum()
    total.add(back)
    assert f"{total.content:016x}" == written.content


def test_no_rows_make_no_file_and_an_empty_table_makes_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert parquet.write(store, "x.parquet", []) is None
    assert store.list("") == []
    written = parquet.write(store, "x.parquet", [pa.table({"a": pa.array([], pa.int64())})])
    assert written is not None
    assert written.rows == 0
    assert [table.schema.names for table in parquet.tables(store, "x.parquet")] in ([], [["a"]])


def test_a_file_that_is_no_parquet_is_damaged(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("x.parquet", b"PAR1 and nothing of it")
    with pytest.raises(Broken, match="x.parquet is damaged"):
        list(parquet.tables(store, "x.parquet"))


def test_an_invalid_manifest_is_reported(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("manifests/date=2024-07-01.json", b"{}")
    with pytest.raises(Broken, match="is no manifest"):
        manifest.known(store, date(2024, 7, 1))
    with pytest.raises(NotFound, match="export-to-parquet --date 2024-07-02"):
        manifest.known(store, date(2024, 7, 2))


def test_dates_are_those_that_are_whole(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for path in ("date=2024-07-02.json", ".date=2024-07-03.json", "date=2023-12-29.json"):
        store.write(f"manifests/{path}", b"{}")
    store.write(manifest.REFERENCE, b"{}")
    assert manifest.dates(store) == [date(2023, 12, 29), date(2024, 7, 2)]


def test_a_day_is_cut_into_slices_that_leave_nothing_out_with_all_symbols_in_each() -> None:
    first, last = datetime(2024, 6, 30, 22, tzinfo=UTC), datetime(2024, 7, 1, 22, tzinfo=UTC)
    es, cl = whose = [Words(symbol, date(2024, 7, 1), (), ()) for symbol in ("ES", "CL")]
    for count, slices in ((0, 1), (499_999, 1), (10_000_000, 21), (10**9, 288)):
        cut = fetch.tasks(whose, first, last, count)
        assert [one.words for one in cut] == [es, cl] * slices
        assert [one.ts_from for one in cut[::2]] == [one.ts_from for one in cut[1::2]]
        assert (cut[0].ts_from, cut[-1].ts_to) == (first, last)
        assert all(a.ts_to == b.ts_from for a, b in pairwise(cut[::2]))


def rows(*values: int) -> pa.Table:
    return pa.table({"value": pa.array(values, pa.int64())})


def test_files_that_are_written_beside_each_other_each_hold_their_own(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with (
        ThreadPoolExecutor(1) as summing,
        parquet.File(store, "a", summing) as a,
        parquet.File(store, "b", summing) as b,
    ):
        a.add(rows(1, 2))
        b.add(rows(7))
        a.flush()
        a.add(rows(3))
        assert (a.pending, a.rows, b.pending) == (1, 3, 1)
        written = a.finish()
        # Each appears as soon as it is finished, and not before.
        assert store.list("") == ["a"]
    assert written == a.finish()
    assert [table.column("value").to_pylist() for table in parquet.tables(store, "a")] == [
        [1, 2],
        [3],
    ]
    assert [table.column("value").to_pylist() for table in parquet.tables(store, "b")] == [[7]]


def test_a_file_that_fails_is_named_and_leaves_no_half_of_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path))
    store.write("b", b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def written() -> None:
        with (
            ThreadPoolExecutor(1) as summing,
            parquet.File(store, "a", summing) as a,
            parquet.File(store, "b", summing) as b,
            parquet.File(store, "c", summing) as c,
        ):
            for file in (a, b, c):
                file.add(rows(1))
            c.flush()
            a.finish()
            monkeypatch.setattr(pa_parquet.ParquetWriter, "write_table", full)
            b.flush()

    with pytest.raises(Unavailable, match=f"{tmp_path}/b: the disk is full"):
        written()
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["a", "b"]
    assert store.read("b") == b"old"


def test_the_fullest_file_writes_where_too_many_rows_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "PENDING_ROWS", 5)
    store = Store(str(tmp_path))
    with (
        ThreadPoolExecutor(1) as summing,
        parquet.File(store, "a", summing) as a,
        parquet.File(store, "b", summing) as b,
    ):
        a.add(rows(1, 2))
        b.add(rows(1, 2, 3))
        ticks.bound([a, b])
        assert (a.pending, b.pending) == (2, 3)
        a.add(rows(3, 4))
        ticks.bound([a, b])
        assert (a.pending, b.pending) == (0, 3)


@given(st.lists(st.integers(0, 25_000_000), min_size=1, max_size=60))
def test_files_are_written_in_lots_that_are_bounded_and_leave_none_out(sizes: list[int]) -> None:
    due = [
        plan.Wanted(path=str(n), what="ticks", symbol=str(n), width=None, key=None, records=records)
        for n, records in enumerate(sizes)
    ]
    lots = list(ticks.together(due, sum(sizes)))
    assert [one for lot in lots for one in lot] == due
    for lot in lots:
        assert lot
        assert len(lot) == 1 or sum(one.records for one in lot) <= ticks.TOGETHER_TICKS
    # No two that would have gone together.
    for one, other in pairwise(lots):
        assert sum(each.records for each in [*one, other[0]]) > ticks.TOGETHER_TICKS


def test_files_of_which_nothing_is_known_share_what_the_day_is_guessed_to_have() -> None:
    due = [
        plan.Wanted(path=name, what="ticks", symbol=name, width=None, key=None, records=0)
        for name in "abcd"
    ]
    assert list(ticks.together(due, 60_000_000)) == [[one] for one in due]
    assert list(ticks.together(due, 40_000_000)) == [due[:2], due[2:]]


def test_the_key_of_ticks_adds_up_ordinals_beyond_64_bits() -> None:
    key = plan.Key()
    ts = [datetime(2024, 7, 1, 14, 30, 0, 5, tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC)]
    reported = pa.table({"seq": [2**62, -1], "ts": pa.array(ts, pa.timestamp("us", "UTC"))})
    for _ in range(4):
        key.note(reported)
    # 2**64 - 4, and the ends as PostgreSQL's extract(epoch from …) writes them.
    assert key.text() == "8,18446744073709551612,-86400.000000,1719844200.000005"


def test_a_lake_that_another_database_took_is_not_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    one, other = lock.LakeLock(store, "one"), lock.LakeLock(store, "other")
    one.take()
    with pytest.raises(Refused, match="Database one is being exported"):
        other.take()
    one.release()
    other.take()
    other.release()
    assert store.list("") == []


def test_a_lock_that_was_left_by_the_same_database_is_taken_over(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    lock.LakeLock(store, "one").take()
    lock.LakeLock(store, "one").take()
    store.write(lock.LOCK, b"not ours")
    lock.LakeLock(store, "two").take()

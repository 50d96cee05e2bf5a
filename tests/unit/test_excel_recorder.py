"""A recording survives an interruption, and is a file of the columnar format at its end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
from excel_made import LISTING, block, table

from thor.domain.tick import Tick
from thor.errors import Refused, Rejected
from thor.market.collect.excel import sheet
from thor.market.collect.excel.changes import Changes
from thor.market.collect.excel.recorder import Recorder
from thor.market.collect.files.tape import open_tape

AT = datetime(2025, 10, 26, 23, 0, 0, 250_000, tzinfo=UTC)


def ticks(seconds: int = 0) -> list[Tick]:
    rows = sheet.read(block(), LISTING).rows
    return Changes().ticks(rows, AT + timedelta(seconds=seconds))


def _changing() -> Iterator[list[Tick]]:
    """Yield what a collector gives: a first reading, then trades, quotes and a blank volume."""
    header = ("Symbol", "Last", "Bid", "Ask", "Volume", "BidSize")
    changes = Changes(last_seq=41)
    readings = [
        [["ES", 6873.75, 6873.5, 6874, 100, 5], ["ZB", "118'10", "118'09", None, "12,520", 0]],
        [["ES", 6874, 6873.75, 6874.25, 130, 5], ["ZB", "118'10", "118'09", None, "12,520", 0]],
        [["ES", 6874, 6873.75, 6874.25, None, 7], ["/ESZ25:XCME", 6880, None, None, 9, None]],
        [["ES", None, 6873.75, 6874.25, 131, 7]],
    ]
    for number, reading in enumerate(readings):
        rows = sheet.read(table(*reading, header=header), LISTING).rows
        yield changes.ticks(rows, AT + timedelta(seconds=2 * number))


def rows(path: Path) -> list[dict[str, Any]]:
    return pa_parquet.read_table(path).to_pylist()


def test_what_was_read_is_recorded_exactly(tmp_path: Path) -> None:
    file = tmp_path / "day.parquet"
    recorder = Recorder(file)
    recorder.write(ticks())
    recorder.write([])
    recorder.write(ticks(2))
    assert not file.exists()
    assert recorder.close() == 22
    assert [one.name for one in tmp_path.iterdir()] == ["day.parquet"]

    found = rows(file)
    zb = found[10]
    assert (zb["symbol"], zb["last"], zb["bid_size"]) == ("ZB", Decimal("118.3125"), 374)
    assert (zb["ts"], zb["received_at"], zb["source"]) == (AT, AT, "EXCEL")
    assert (zb["kind"], zb["volume"], zb["volume_delta"]) == ("quote", 12520, None)
    assert zb["is_sampled"] is True
    assert found[21]["ts"] == AT + timedelta(seconds=2)


def test_a_recording_replayed_gives_the_same_ticks_but_for_the_source(tmp_path: Path) -> None:
    published = [*_changing()]
    recorder = Recorder(tmp_path / "day.parquet")
    for step in published:
        recorder.write(step)
    recorder.close()

    tape = open_tape(tmp_path / "day.parquet")
    replayed = [tick for batch in tape.batches() for tick in batch]

    assert {tick.source for tick in replayed} == {tape.source}
    reported = [
        msgspec.structs.replace(tick, source=tape.source) for step in published for tick in step
    ]
    assert replayed == reported
    assert any(tick.is_trade and tick.volume_delta for tick in replayed)


def test_a_file_that_is_no_recording_has_no_session_volume(tmp_path: Path) -> None:
    # Where a vendor calls the size of a trade its volume, it is no volume of the session.
    row = {"symbol": "ES", "ts": AT, "last": 6873.75, "volume": 3, "seq": 7}
    pa_parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "vendor.parquet")
    ((tick,),) = open_tape(tmp_path / "vendor.parquet").batches()
    assert (tick.seq, tick.volume, tick.is_sampled) == (0, None, False)


def test_a_recording_without_a_tick_leaves_no_file(tmp_path: Path) -> None:
    assert Recorder(tmp_path / "day.parquet").close() == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_run_that_was_cut_short_recorded_is_taken_into_the_next(tmp_path: Path) -> None:
    file = tmp_path / "day.parquet"
    cut = Recorder(file)
    cut.write(ticks())
    cut.write(ticks(2))
    # The process is gone in the middle of a write: half of the last batch is there.
    part = tmp_path / "day.parquet.part"
    content = part.read_bytes()
    part.write_bytes(content[: len(content) - 100])

    recorder = Recorder(file)
    assert recorder.ticks == 11
    recorder.write(ticks(4))
    assert recorder.close() == 22
    assert [row["ts"] for row in rows(file)][::11] == [AT, AT + timedelta(seconds=4)]
    assert [one.name for one in tmp_path.iterdir()] == ["day.parquet"]


def test_a_start_that_is_cut_short_itself_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "day.parquet"
    Recorder(file).write(ticks())
    # The next run had set the recording aside and was writing it again.
    part = tmp_path / "day.parquet.part"
    part.rename(tmp_path / "day.parquet.left")
    part.write_bytes(b"half of a head")
    assert Recorder(file).ticks == 11


def test_a_recording_overwrites_nothing_and_has_the_name_of_its_form(tmp_path: Path) -> None:
    (tmp_path / "day.parquet").touch()
    with pytest.raises(Refused, match="is there already; give another name"):
        Recorder(tmp_path / "day.parquet")
    with pytest.raises(Rejected, match=r"day.csv has to end in \.parquet"):
        Recorder(tmp_path / "day.csv")
    with pytest.raises(Rejected, match="cannot be written"):
        Recorder(tmp_path / "none" / "day.parquet")

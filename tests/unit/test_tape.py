"""A tape is read exactly as it was written, and whatever is wrong with it is named."""

import hashlib
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tape_files import SHARED, TS, row, shared_tape, write_csv, write_parquet

from thor.domain.tick import Tick
from thor.errors import NotFound, Rejected
from thor.market.collect.files.tape import Tape, open_tape

real_data = pytest.mark.skipif(not SHARED.exists(), reason="no real data in ../shared/data")


def ticks_of(tape: Tape) -> list[Tick]:
    return [tick for batch in tape.batches() for tick in batch]


def read(path: Path, as_root: str | None = None) -> list[Tick]:
    return ticks_of(open_tape(path, as_root=as_root))


# --- real data -----------------------------------------------------------------------------


@real_data
@pytest.mark.parametrize(
    ("name", "records", "trades", "series"),
    [
        ("es_esh4_20231225_l1", 28_397, 2_973, {"ESH24"}),
        ("es_esu4_20240701_mbp1", 2_288, 120, {"ESU24"}),
        ("es_esm8_20180507_trade_prices", 74_907, 74_907, {"ESM18"}),
        ("es_esh2_20220124_tbt", 2_026, 2_026, {"ESH22"}),
        ("es_esz3_201310_minute_quotes", 6_949, 0, {"ESZ13"}),
        ("bac_20131008_nbbo_equity", 403_794, 125_872, {"BAC"}),
    ],
)
def test_every_row_of_a_real_tape_is_a_tick_and_none_is_refused(
    name: str, records: int, trades: int, series: set[str]
) -> None:
    tape = open_tape(shared_tape(name))
    seen = traded = 0
    for batch in tape.batches():
        assert [tick.seq for tick in batch] == list(range(seen, seen + len(batch)))
        assert [tick.refused for tick in batch if tick.refused] == []
        assert {tick.symbol for tick in batch} <= series
        seen += len(batch)
        traded += sum(tick.is_trade for tick in batch)
    assert (tape.records, seen, traded) == (records, records, trades)
    assert (tape.format, tape.schema, set(tape.spans)) == ("parquet", "neutral", series)


@real_data
def test_gold_keeps_its_eleven_months_apart_and_its_247_trades_of_size_zero() -> None:
    tape = open_tape(shared_tape("gc_20131007_08"))
    ticks = ticks_of(tape)
    assert (tape.records, len(ticks)) == (95_159, 95_159)
    assert sum(tick.is_trade for tick in ticks) == 92_514
    empty = [tick for tick in ticks if tick.is_trade and tick.last_size == 0]
    assert len(empty) == 247
    assert {(tick.volume_delta, tick.refused) for tick in empty} == {(0, None)}
    by_series = Counter(tick.symbol for tick in ticks)
    assert by_series == {symbol: span.records for symbol, span in tape.spans.items()}
    assert set(by_series) == {
        "GCV13", "GCX13", "GCZ13", "GCG14", "GCJ14", "GCM14", "GCQ14", "GCV14", "GCZ14", "GCM15",
        "GCZ15",
    }  # fmt: skip
    assert by_series["GCZ13"] == 94_385
    assert {span.root for span in tape.spans.values()} == {"GC"}


@real_data
def test_a_tick_has_the_values_of_its_row_and_no_others() -> None:
    path = shared_tape("es_esh2_20220124_tbt")
    tape = open_tape(path)
    for tick, said in zip(ticks_of(tape), pa_parquet.read_table(path).to_pylist(), strict=True):
        assert tick == Tick(
            symbol="ESH22",
            contract="ESH22",
            ts=said["ts"],
            received_at=said["ts"],
            seq=said["seq"],
            source=tape.source,
            last=Decimal(repr(said["last"])),
            bid=Decimal(repr(said["bid"])),
            ask=Decimal(repr(said["ask"])),
            last_size=said["last_size"],
            bid_size=said["bid_size"],
            ask_size=said["ask_size"],
            side=said["side"],
            volume_delta=said["last_size"],
            is_trade=True,
        )
    assert tape.vendor == "AndreaFerrante/Orderflow@f3d4d3356:data/tbt.txt"


@real_data
def test_a_feed_without_sizes_gives_trades_whose_volume_is_unknown_not_zero() -> None:
    ticks = read(shared_tape("es_esm8_20180507_trade_prices"))
    assert {(t.last_size, t.volume_delta, t.bid, t.ask) for t in ticks} == {(None,) * 4}


@real_data
def test_no_price_of_the_stock_tape_lies_off_the_cent() -> None:
    cent = Decimal("0.01")
    tape = open_tape(shared_tape("bac_20131008_nbbo_equity"))
    prices = Counter(
        price
        for batch in tape.batches()
        for tick in batch
        for price in (tick.last, tick.bid, tick.ask)
        if price is not None
    )
    assert prices.total() == 125_872 + 2 * 277_922
    assert [price for price in prices if price % cent] == []


@real_data
def test_the_span_of_a_tape_is_its_first_and_last_instant() -> None:
    span = open_tape(shared_tape("es_esu4_20240701_mbp1")).spans["ESU24"]
    assert (span.symbol, span.contract, span.root, span.records) == (
        "ESU24",
        "ESU24",
        "ES",
        2_288,
    )
    assert span.first_ts == datetime(2024, 7, 1, 23, 58, 1, 218218, UTC)
    assert span.last_ts == datetime(2024, 7, 2, 0, 1, 59, 824330, UTC)


# --- identity ------------------------------------------------------------------------------


def test_a_copy_under_another_name_is_the_same_tape(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "monday.parquet", [row()])
    copy = Path(shutil.copy(path, tmp_path / "copy.bak"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    one, other = open_tape(path), open_tape(copy)
    assert one.sha256 == other.sha256 == digest
    assert one.source == other.source == f"TAPE:{digest[:8]}"
    assert ticks_of(one) == ticks_of(other)


def test_batches_are_as_long_as_asked_and_can_be_read_again(tmp_path: Path) -> None:
    tape = open_tape(write_parquet(tmp_path / "a", [row() for _ in range(25)]))
    assert [len(batch) for batch in tape.batches(10)] == [10, 10, 5]
    assert [tick.seq for batch in tape.batches(10) for tick in batch] == list(range(25))


def test_a_file_that_changes_after_it_was_opened_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [row()])
    tape = open_tape(path)
    write_csv(path, [row(), row()])
    with pytest.raises(Rejected, match="changed after it was opened"):
        ticks_of(tape)


def test_a_long_csv_is_numbered_through_from_piece_to_piece(tmp_path: Path) -> None:
    rows = [row(ts=TS + timedelta(milliseconds=n), last=5000 + n / 4) for n in range(40_000)]
    ticks = read(write_csv(tmp_path / "a.csv", rows))
    assert [tick.seq for tick in ticks] == list(range(40_000))
    assert ticks[-1].last == Decimal("14999.75")


# --- the series ----------------------------------------------------------------------------


def test_the_month_is_the_series_where_the_tape_names_it_else_the_symbol(
    tmp_path: Path,
) -> None:
    path = write_parquet(
        tmp_path / "a", [row(), row(contract=None), row(symbol="BAC", contract="")]
    )
    found = [(tick.symbol, tick.contract) for tick in read(path)]
    assert found == [("ESU24", "ESU24"), ("ES", None), ("BAC", None)]


def test_a_single_month_tape_is_filed_under_its_root(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a", [row(), row(contract=None, ts=TS + timedelta(hours=1))])
    tape = open_tape(path, as_root="ES")
    assert [(tick.symbol, tick.contract) for tick in ticks_of(tape)] == [
        ("ES", "ESU24"),
        ("ES", None),
    ]
    (span,) = tape.spans.values()
    assert (span.symbol, span.contract, span.root, span.records) == (
        "ES",
        "ESU24",
        "ES",
        2,
    )
    assert (span.first_ts, span.last_ts) == (TS, TS + timedelta(hours=1))


def test_a_tape_of_several_months_cannot_be_filed_under_its_root(
    tmp_path: Path,
) -> None:
    path = write_parquet(tmp_path / "a", [row(), row(contract="ESZ4")])
    with pytest.raises(Rejected, match=r"--as ES: the tape holds 2 months \(ESU24, ESZ24\)"):
        open_tape(path, as_root="ES")


@pytest.mark.parametrize("symbols", [["NQ"], ["ES", "NQ"]])
def test_a_tape_of_another_root_cannot_be_filed_under_this_one(
    tmp_path: Path, symbols: list[str]
) -> None:
    path = write_parquet(tmp_path / "a", [row(symbol=s, contract=f"{s}U4") for s in symbols])
    with pytest.raises(Rejected, match="--as ES: the tape holds NQ, not ES alone"):
        open_tape(path, as_root="ES")


# --- exactness -----------------------------------------------------------------------------


def test_a_float_is_its_shortest_text_and_off_the_grid_stays_visible(
    tmp_path: Path,
) -> None:
    path = write_parquet(tmp_path / "a", [row(last=0.1 + 0.2), row(last=1313.7), row(last=-37.63)])
    assert [tick.last for tick in read(path)] == [
        Decimal("0.30000000000000004"),
        Decimal("1313.7"),
        Decimal("-37.63"),
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.float32(), 1313.7),
        (pa.string(), "1313.7"),
        (pa.large_string(), " 1313.70 "),
        (pa.dictionary(pa.int8(), pa.string()), "1.3137e3"),
        (pa.decimal128(18, 8), Decimal("1313.7")),
        (pa.decimal64(10, 2), Decimal("1313.7")),
    ],
)
def test_a_price_is_exact_from_every_type_of_column(
    tmp_path: Path, kind: pa.DataType, value: Any
) -> None:
    path = write_parquet(tmp_path / "a", [row(last=value), row(last=None)], {"last": kind})
    assert [tick.last for tick in read(path)] == [Decimal("1313.7"), None]


def test_what_is_no_finite_number_in_a_price_column_travels_on_and_null_stays_null(
    tmp_path: Path,
) -> None:
    rows = [
        row(last=float("nan")),
        row(last=float("inf")),
        row(kind="quote", last=None),
    ]
    nan, inf, none = read(write_parquet(tmp_path / "a", rows))
    assert nan.last is not None
    assert nan.last.is_nan()
    assert nan.refused is None
    assert inf.last == Decimal("Infinity")
    assert none.last is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.float64(), 3.0),
        (pa.string(), "3"),
        (pa.decimal128(9, 2), Decimal(3)),
        (pa.uint8(), 3),
    ],
)
def test_a_size_is_whole_from_every_type_of_column(
    tmp_path: Path, kind: pa.DataType, value: Any
) -> None:
    (tick,) = read(write_parquet(tmp_path / "a", [row(last_size=value)], {"last_size": kind}))
    assert (tick.last_size, tick.volume_delta) == (3, 3)


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (pa.timestamp("ns", "UTC"), 1_719_844_200_123_456_999),
        (pa.timestamp("us", "America/Chicago"), 1_719_844_200_123_456),
        (pa.string(), "2024-07-01T14:30:00.123456Z"),
        (pa.string(), "2024-07-01T14:30:00.123456999Z"),
        (pa.string(), "2024-07-01 09:30:00.123456-05:00"),
    ],
)
def test_a_time_is_utc_and_cut_to_the_microsecond(
    tmp_path: Path, kind: pa.DataType, count: Any
) -> None:
    (tick,) = read(write_parquet(tmp_path / "a", [row(ts=count)], {"ts": kind}))
    assert (tick.ts, tick.ts.utcoffset()) == (TS, timedelta(0))


def test_a_receive_time_of_the_file_is_kept_and_else_it_is_the_tick_s_own(
    tmp_path: Path,
) -> None:
    later = TS + timedelta(milliseconds=3)
    rows = [row(received_at=later), row(received_at=None)]
    path = write_parquet(tmp_path / "a", rows, {"received_at": pa.timestamp("us", "UTC")})
    assert [tick.received_at for tick in read(path)] == [later, TS]


def test_a_quote_is_no_trade_and_trades_nothing(tmp_path: Path) -> None:
    rows = [row(kind="quote", last=None, bid=5528.5, ask=5528.75, bid_size=0, side=None)]
    (tick,) = read(write_parquet(tmp_path / "a", rows))
    assert (tick.is_trade, tick.volume_delta, tick.bid_size) == (False, None, 0)
    assert (tick.bid, tick.ask, tick.refused) == (
        Decimal("5528.5"),
        Decimal("5528.75"),
        None,
    )


def test_without_a_kind_a_row_with_a_last_is_a_trade(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        f"symbol,ts,last,bid,note\nES,{TS.isoformat()},5528.75,,x\nES,{TS.isoformat()},,5528.5,y\n"
    )
    assert [tick.is_trade for tick in read(path)] == [True, False]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_csv_is_read_with_and_without_a_byte_order_mark(
    tmp_path: Path, start: bytes, end: bytes
) -> None:
    path = tmp_path / "a.csv"
    lines = [b"symbol,ts,last", b"ES,2024-07-01T14:30:00.123456Z,5528.75", b""]
    path.write_bytes(start + end.join(lines))
    (tick,) = read(path)
    assert (tick.symbol, tick.ts, tick.last) == ("ES", TS, Decimal("5528.75"))


# --- bad rows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("last", "abc", "last: 'abc' is not a number"),
        ("last", "1_000", "last: '1_000' is not a number"),
        ("last", "9" * 65, f"last: '{'9' * 60}…' is not a number"),
        ("bid", "5528,75", "bid: '5528,75' is not a number"),
        ("ask", "0x10", "ask: '0x10' is not a number"),
        ("last_size", "two", "last_size: 'two' is not a whole number"),
        ("last_size", "2.5", "last_size: '2.5' is not a whole number"),
        ("bid_size", "nan", "bid_size: 'nan' is not a whole number"),
        ("ask_size", "1e300", "ask_size: '1e300' does not fit 64 bits"),
        ("kind", "cancel", "kind: 'cancel' is neither trade nor quote"),
        ("kind", None, "kind: null is neither trade nor quote"),
        ("side", "A", "side: 'A' is neither B nor S"),
        (
            "ts",
            "2024-07-01T14:30:00",
            "ts: '2024-07-01T14:30:00' has no time zone; write Z",
        ),
        (
            "ts",
            "2024-07-01",
            "ts: '2024-07-01' is a date without a time; write 2024-07-01T00:00:00Z",
        ),
        ("ts", "yesterday", "ts: 'yesterday' is not an ISO 8601 time"),
        (
            "ts",
            "0001-01-01T00:00:00+10:00",
            "ts: '0001-01-01T00:00:00+10:00' is outside the years",
        ),
        ("ts", None, "ts: is missing"),
        ("received_at", "noon", "received_at: 'noon' is not an ISO 8601 time"),
        ("symbol", None, "symbol: is missing"),
        ("symbol", "E" * 65, f"symbol: '{'E' * 60}…' is longer than 64 characters"),
        ("contract", "NQU4", "contract: 'NQU4' is no month of 'ES'"),
        ("seq", "one", "seq: 'one' is not a whole number"),
    ],
)
def test_a_bad_cell_refuses_its_row_by_field_and_value_and_the_next_row_goes_through(
    tmp_path: Path, field: str, value: str | None, reason: str
) -> None:
    good = row(received_at=TS, bid=5528.5)
    tape = open_tape(write_csv(tmp_path / "a.csv", [good, good | {field: value}, good]))
    first, bad, last = ticks_of(tape)
    assert bad.refused is not None
    assert bad.refused.startswith(reason)
    assert (bad.seq, bad.ts, bad.source) == (1, TS, tape.source)
    # An unreadable cell is empty; another root's month stays visible.
    if field in ("last", "bid", "ask", "last_size", "bid_size", "ask_size", "side"):
        assert getattr(bad, field) is None
    if field == "symbol":
        assert bad.symbol == ""
    assert (first.refused, last.refused) == (None, None)
    assert tape.records == 3


def test_of_several_faults_in_a_row_one_is_named(tmp_path: Path) -> None:
    bad = row(symbol=None, last="x", side="?")
    _, tick = read(write_csv(tmp_path / "a.csv", [row(), bad]))
    assert tick.refused == "symbol: is missing"
    assert (tick.last, tick.side, tick.last_size) == (None, None, 2)


def test_a_row_without_a_usable_time_carries_that_of_the_row_before_it(
    tmp_path: Path,
) -> None:
    later = TS + timedelta(seconds=5)
    times = ["", TS.isoformat(), "?", later.isoformat(), ""]
    tape = open_tape(write_csv(tmp_path / "a.csv", [row(ts=ts) for ts in times]))
    ticks = ticks_of(tape)
    assert [tick.ts for tick in ticks] == [TS, TS, TS, later, later]
    assert [tick.refused is None for tick in ticks] == [False, True, False, True, False]
    assert (tape.records, tape.spans["ESU24"].records) == (5, 2)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_collector_s_sequence_that_goes_back_is_refused(tmp_path: Path, form: str) -> None:
    rows = [row(seq=seq) for seq in (3, 9, 5, 9, None, 10, 8)]
    write = write_parquet if form == "parquet" else write_csv
    ticks = read(write(tmp_path / f"a.{form}", rows))
    assert [tick.refused for tick in ticks] == [
        None, None, "seq: 5 comes after 9", None, None, None, "seq: 8 comes after 10",
    ]  # fmt: skip
    assert [tick.seq for tick in ticks] == [0, 1, 2, 3, 4, 5, 6]


def test_a_sequence_is_watched_from_one_piece_of_the_file_to_the_next(
    tmp_path: Path,
) -> None:
    rows = [row(seq=seq) for seq in [*range(100, 20_100), 7]]
    assert read(write_parquet(tmp_path / "a", rows))[-1].refused == "seq: 7 comes after 20099"


def test_a_time_beyond_the_calendar_refuses_its_row(tmp_path: Path) -> None:
    rows = [row(ts=1_719_844_200_000), row(ts=10**15)]
    _, tick = read(write_parquet(tmp_path / "a", rows, {"ts": pa.timestamp("ms", "UTC")}))
    assert tick.refused == f"ts: {10**15} ms since 1970 is outside the years 1 to 9999"


# --- bad files -----------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["symbol", "ts"])
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_missing_column_is_named_beside_the_known_ones(
    tmp_path: Path, form: str, missing: str
) -> None:
    rows = [{field: value for field, value in row().items() if field != missing}]
    write = write_parquet if form == "parquet" else write_csv
    path = write(tmp_path / f"a.{form}", rows)
    known = rf"column '{missing}' is missing; known columns are symbol, ts, kind, last, bid, ask"
    with pytest.raises(Rejected, match=known):
        open_tape(path)


def test_a_tape_without_any_price_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"symbol,ts,last_size\nES,{TS.isoformat()},1\n")
    with pytest.raises(Rejected, match="column 'last', 'bid' or 'ask' is missing"):
        open_tape(path)


def test_another_delimiter_shows_in_the_columns_that_were_found(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("symbol;ts;last\nES;2024-07-01T14:30:00Z;5528.75\n")
    with pytest.raises(Rejected, match="column 'symbol' is missing.*symbol;ts;last"):
        open_tape(path)


def test_a_column_that_appears_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("symbol,ts,last,last\nES,2024-07-01T14:30:00Z,1,2\n")
    with pytest.raises(Rejected, match="column 'last' appears twice"):
        open_tape(path)


@pytest.mark.parametrize("field", ["ts", "received_at"])
def test_a_naive_timestamp_column_refuses_the_file(tmp_path: Path, field: str) -> None:
    naive = {field: pa.timestamp("us")}
    path = write_parquet(tmp_path / "a", [row(**{field: TS.replace(tzinfo=None)})], naive)
    with pytest.raises(Rejected, match=f"column '{field}' has no time zone"):
        open_tape(path)


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("last", [1.0], pa.list_(pa.float64())),
        ("last", True, pa.bool_()),
        ("ts", 1_719_844_200, pa.int64()),
        ("symbol", 5, pa.int64()),
        ("last_size", TS, pa.timestamp("us", "UTC")),
    ],
)
def test_a_column_of_a_type_that_it_cannot_be_is_named(
    tmp_path: Path, field: str, value: Any, kind: pa.DataType
) -> None:
    path = write_parquet(tmp_path / "a", [row(**{field: value})], {field: kind})
    with pytest.raises(
        Rejected, match=f"column '{field}' is of type .*, (which it cannot be|bare)"
    ):
        open_tape(path)


@pytest.mark.parametrize(
    "content", [b"symbol,ts,last", b"symbol,ts,last\n", b"symbol,ts,last\n\n\n"]
)
def test_a_csv_of_a_header_alone_holds_no_records(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(Rejected, match="holds no records"):
        open_tape(path)


def test_a_parquet_file_without_rows_holds_no_records(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a", [row()])
    pa_parquet.write_table(pa_parquet.read_table(path).slice(0, 0), path)
    with pytest.raises(Rejected, match="holds no records"):
        open_tape(path)


def test_a_tape_on_which_no_row_has_a_time_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [row(ts="noon"), row(ts=None)])
    with pytest.raises(Rejected, match="no record has both a symbol and a usable ts"):
        open_tape(path)


def test_an_empty_file_a_folder_and_no_file_are_three_things(tmp_path: Path) -> None:
    (tmp_path / "empty.parquet").touch()
    with pytest.raises(Rejected, match=r"empty\.parquet: is empty"):
        open_tape(tmp_path / "empty.parquet")
    with pytest.raises(Rejected, match="is no file"):
        open_tape(tmp_path)
    with pytest.raises(NotFound, match=r"none\.csv: No such file"):
        open_tape(tmp_path / "none.csv")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_parquet_file_is_refused_before_any_tick(tmp_path: Path, part: float) -> None:
    path = write_parquet(tmp_path / "a.parquet", [row(last=n / 4) for n in range(500)])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(Rejected, match=r"a\.parquet: cannot be read as Parquet, it is truncated"):
        open_tape(path)


def test_a_damaged_page_of_any_column_is_refused_before_any_tick(
    tmp_path: Path,
) -> None:
    path = write_parquet(tmp_path / "a.parquet", [row(side=s) for s in "BSBSBS"], {})
    content = bytearray(path.read_bytes())
    meta = pa_parquet.ParquetFile(path).metadata.row_group(0)
    side = next(
        meta.column(i) for i in range(meta.num_columns) if meta.column(i).path_in_schema == "side"
    )
    for at in range(side.dictionary_page_offset, side.data_page_offset):
        content[at] = 0xFF
    path.write_bytes(content)
    with pytest.raises(Rejected, match=r"a\.parquet: cannot be read as Parquet"):
        open_tape(path)


@pytest.mark.parametrize("name", ["a.parquet", "a.dbn", "a.dbn.zst"])
def test_a_file_whose_content_contradicts_its_name_is_refused(tmp_path: Path, name: str) -> None:
    write_csv(tmp_path / name, [row()])
    with pytest.raises(Rejected, match="does not begin as a .* file does"):
        open_tape(tmp_path / name)


def test_a_csv_whose_last_row_was_cut_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [row(), row()])
    text = path.read_text().rstrip()
    path.write_text(text[: text.rindex(",,")])
    with pytest.raises(Rejected, match=r"a\.csv: cannot be read as CSV, it is truncated.*Row #3"):
        open_tape(path)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_csv_in_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("symbol,ts,last\nÄS,2024-07-01T14:30:00Z,1\n", encoding=encoding)
    with pytest.raises(Rejected, match="cannot be read as CSV"):
        open_tape(path)


# --- round trips ---------------------------------------------------------------------------

times = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)).map(
    lambda t: t.replace(tzinfo=UTC)
)
prices = st.none() | st.floats(-1e9, 1e9) | st.integers(-4_000, 40_000).map(lambda n: n / 4)
sizes = st.none() | st.integers(0, 2**31 - 1)
records = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["ES", "NQ", "6E", "BAC"]),
        "contract": st.none() | st.sampled_from(["H4", "Z24"]),
        "ts": times,
        "kind": st.sampled_from(["trade", "quote"]),
        "last": prices, "bid": prices, "ask": prices,
        "last_size": sizes, "bid_size": sizes, "ask_size": sizes,
        "side": st.sampled_from(["B", "S", None]),
        "received_at": st.none() | times,
    }
)  # fmt: skip


def keyed(said: dict[str, Any]) -> str | None:
    """The month's key: the first March of a year that ends in 4, from the record's own on."""
    contract, ts = said["contract"], said["ts"]
    if contract is None or not contract.endswith("H4"):
        return None if contract is None else str(contract)
    year = next(
        y for y in range(ts.year, ts.year + 11) if y % 10 == 4 and (y, 3) >= (ts.year, ts.month)
    )
    return f"{contract[:-1]}{year % 100:02}"


def written(price: float | None) -> Decimal | None:
    return None if price is None else Decimal(repr(price))


@pytest.mark.parametrize("form", ["parquet", "csv"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(records, min_size=1, max_size=30), hours=st.integers(-12, 14))
def test_what_was_written_is_read_back(
    tmp_path: Path, form: str, rows: list[dict[str, Any]], hours: int
) -> None:
    path = tmp_path / f"a.{form}"
    for each in rows:
        if each["contract"] is not None:
            each["contract"] = each["symbol"] + each["contract"]
    if form == "parquet":
        write_parquet(path, rows, {"received_at": pa.timestamp("us", "UTC")})
    else:
        zone = timezone(timedelta(hours=hours))
        write_csv(path, [each | {"ts": each["ts"].astimezone(zone)} for each in rows])
    tape = open_tape(path)
    for ordinal, (tick, said) in enumerate(zip(ticks_of(tape), rows, strict=True)):
        is_trade = said["kind"] == "trade"
        assert tick == Tick(
            symbol=keyed(said) or said["symbol"],
            contract=keyed(said),
            ts=said["ts"],
            seq=ordinal,
            source=tape.source,
            received_at=said["received_at"] or said["ts"],
            last=written(said["last"]),
            bid=written(said["bid"]),
            ask=written(said["ask"]),
            last_size=said["last_size"],
            bid_size=said["bid_size"],
            ask_size=said["ask_size"],
            side=said["side"],
            volume_delta=said["last_size"] if is_trade else None,
            is_trade=is_trade,
        )
    assert sum(span.records for span in tape.spans.values()) == tape.records == len(rows)
    assert min(span.first_ts for span in tape.spans.values()) == min(each["ts"] for each in rows)
    assert max(span.last_ts for span in tape.spans.values()) == max(each["ts"] for each in rows)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    cells=st.lists(
        st.tuples(
            *[
                st.text(
                    st.characters(codec="utf-8", exclude_characters="\r\n\0"),
                    max_size=12,
                )
            ]
            * 4
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_text_stands_in_the_cells_no_row_is_lost(
    tmp_path: Path, cells: list[tuple[str, ...]]
) -> None:
    good: dict[str, Any] = {"symbol": "ES", "ts": TS, "last": "1", "last_size": "1"}
    rows: list[dict[str, Any]] = [
        good,
        *(dict(zip(good, cell, strict=True)) for cell in cells),
    ]
    tape = open_tape(write_csv(tmp_path / "a.csv", rows))
    ticks = ticks_of(tape)
    assert len(ticks) == tape.records == len(rows)
    for tick, said in zip(ticks, rows, strict=True):
        if tick.refused is None:
            assert tick.symbol == said["symbol"]
            assert (tick.last is None) == (not said["last"])
        else:
            field, _, reason = tick.refused.partition(": ")
            assert field in said
            assert reason

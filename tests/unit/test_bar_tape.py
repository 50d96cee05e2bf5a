"""A file of bars gives one exact bar a row, and unreadable rows have a reason."""

import hashlib
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import databento_dbn
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
from bars_made import (
    START,
    START_NS,
    Interval,
    Mapped,
    bars_file,
    ohlcv,
    ohlcv_head,
    row,
    rows,
    write_dbn,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tape_files import SHARED, metadata, trade

from thor.domain.bar import ImportedBar
from thor.errors import NotFound, Rejected
from thor.market.collect.files.bar_tape import BarTape, open_bars
from thor.market.collect.files.tape import open_tape

BARS = SHARED / "bars"
real_data = pytest.mark.skipif(not BARS.is_dir(), reason="no real data in ../shared/data")
WHOLE = ImportedBar(
    symbol="ESU24", width="5m", bar_start=START, open=Decimal("5528.75"), high=Decimal("5530.25"),
    low=Decimal("5527"), close=Decimal("5529.5"), volume=120, volume_buy=70, volume_sell=50,
    trades=44,
)  # fmt: skip
FORMS = ["a.parquet", "a.csv"]
OHLCV = ["ohlcv-1s", "ohlcv-1m", "ohlcv-1h", "ohlcv-1d"]


def bars_of(tape: BarTape) -> list[ImportedBar]:
    return [bar for batch in tape.batches() for bar in batch]


def read(path: Path, *reported: dict[str, Any], **options: Any) -> list[ImportedBar]:
    return bars_of(open_bars(bars_file(path, reported, options.pop("types", None)), **options))


# --- columns -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMS)
def test_a_row_is_read_exactly(tmp_path: Path, name: str) -> None:
    tape = open_bars(bars_file(tmp_path / name, [row()]))
    sha256 = hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    assert (tape.file, tape.fingerprint.sha256) == (f"BARS:{sha256[:8]}", sha256)
    assert (tape.fingerprint.format, tape.schema) == (name[2:], "neutral")
    assert (tape.vendor, tape.records) == ("somebody", 1)
    (span,) = tape.spans.values()
    assert (span.symbol, span.contract, span.root) == ("ESU24", "ESU24", "ES")
    assert bars_of(tape) == [WHOLE]


@pytest.mark.parametrize("name", FORMS)
def test_only_what_a_bar_needs_has_to_be_there(tmp_path: Path, name: str) -> None:
    needed = ("symbol", "ts", "interval", "open", "high", "low", "close")
    (bar,) = read(tmp_path / name, {field: row()[field] for field in needed})
    assert bar == ImportedBar(
        symbol="ES", width="5m", bar_start=START, open=WHOLE.open, high=WHOLE.high,
        low=WHOLE.low, close=WHOLE.close,
    )  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("field", ["symbol", "ts", "interval", "open", "high", "low", "close"])
def test_a_file_without_a_needed_column_is_refused_by_name(
    tmp_path: Path, name: str, field: str
) -> None:
    short = {known: value for known, value in row().items() if known != field}
    with pytest.raises(
        Rejected, match=f"column '{field}' is missing; known columns are symbol, ts, interval, open"
    ):
        read(tmp_path / name, short)


@pytest.mark.parametrize(
    ("price", "exact"),
    [
        (1.10785, "1.10785"),
        # Sums and differences of prices leave such doubles behind.
        (1.3630000000000002, "1.363"),
        (1.3259999999999998, "1.326"),
        (0.1 + 0.2, "0.3"),
        (4724.5, "4724.5"),
        (-37.63, "-37.63"),
        # What is really off is off still.
        (1767.4, "1767.4"),
        (5528.751, "5528.751"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
    ],
)
def test_a_double_is_the_decimal_that_was_printed(tmp_path: Path, price: float, exact: str) -> None:
    (bar,) = read(tmp_path / "a.parquet", row(open=price))
    assert str(bar.open) == exact


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 8))
def test_a_double_gives_back_every_decimal_of_fifteen_digits(digits: int, places: int) -> None:
    from thor.market.collect.files.bar_columns import _price

    exact = Decimal(digits).scaleb(-places)
    assert _price(float(exact)) == exact


def test_prices_of_other_types_are_as_exact(tmp_path: Path) -> None:
    kinds = {"open": pa.decimal128(18, 8), "high": pa.float32(), "low": pa.int32()}
    reported = row(open=Decimal("5528.75"), high=5530.25, low=5527)
    assert read(tmp_path / "a.parquet", reported, types=kinds) == [WHOLE]


@pytest.mark.parametrize("name", FORMS)
def test_a_day_is_filed_by_its_trade_date(tmp_path: Path, name: str) -> None:
    days = [datetime(2024, 3, n, tzinfo=UTC) for n in (8, 11)]
    found = read(tmp_path / name, *(row(ts=ts, interval="1d", contract=None) for ts in days))
    # The clocks changed on Sunday, the 10th: 17:00 in Chicago is 23:00 UTC, then 22:00.
    assert [bar.bar_start for bar in found] == [
        datetime(2024, 3, 7, 23, tzinfo=UTC),
        datetime(2024, 3, 10, 22, tzinfo=UTC),
    ]
    assert {(bar.symbol, bar.refused) for bar in found} == {("ES", None)}


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"ts": None}, "ts: is missing"),
        ({"ts": "noon"}, "ts: 'noon' is not an ISO 8601 time"),
        ({"ts": "2024-07-01T13:30:00"}, "ts: '2024-07-01T13:30:00' has no time zone"),
        ({"interval": None}, "interval: is missing"),
        ({"symbol": None}, "symbol: is missing"),
        ({"contract": "NQU4"}, "contract: 'NQU4' is no month of 'ES'"),
        ({"open": "5,528"}, "open: '5,528' is not a number"),
        ({"volume": "1.5"}, "volume: '1.5' is not a whole number"),
        ({"n_trades": "1e30"}, "n_trades: '1e30' does not fit 64 bits"),
        (
            {"interval": "1d"},
            "ts: 2024-07-01T13:30:00+00:00 is not 00:00 UTC; a bar of 1d is stamped with its",
        ),
    ],
)
def test_a_row_that_cannot_be_read_comes_with_the_reason(
    tmp_path: Path, given: dict[str, Any], refused: str
) -> None:
    bad, good = read(tmp_path / "a.csv", row(**given), row())
    assert (bad.refused or "").startswith(refused)
    assert good == WHOLE


def test_an_unknown_width_travels_to_be_refused_by_name(tmp_path: Path) -> None:
    (bar,) = read(tmp_path / "a.csv", row(interval="3m"))
    assert (bar.width, bar.refused) == ("3m", None)


def test_a_single_month_is_filed_under_its_root_and_several_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    (bar,) = read(path, row(), as_root="ES")
    assert bar.symbol == "ES"
    with pytest.raises(Rejected, match=r"--as ES: the tape holds 2 months \(ESU24, ESZ24\)"):
        read(path, row(), row(contract="ESZ4"), as_root="ES")
    with pytest.raises(Rejected, match="--as NQ: the tape holds ES, not NQ alone"):
        read(path, row(), as_root="NQ")


def test_a_long_file_comes_in_its_order(tmp_path: Path) -> None:
    reported = rows(40_000, ts=datetime(2020, 1, 1, tzinfo=UTC))
    found = read(tmp_path / "a.parquet", *reported)
    assert [bar.bar_start for bar in found] == [each["ts"] for each in reported]


# --- real data -----------------------------------------------------------------------------


@real_data
@pytest.mark.parametrize("name", ["es_gc_1m_201310_lean", "6e_6eh4_1m_202401"])
def test_every_row_of_a_real_file_is_a_bar_of_the_same_values(name: str) -> None:
    path = BARS / f"{name}.parquet"
    reported = pa_parquet.read_table(path).to_pylist()
    found = bars_of(open_bars(path))
    assert len(found) == len(reported)
    for bar, said in zip(found, reported, strict=True):
        # Every contract here ends within ten years of its bars.
        code, year = said["contract"][:-1], said["ts"].year
        digit = int(said["contract"][-1])
        year += (digit - year) % 10
        assert (bar.symbol, bar.width, bar.refused) == (
            f"{code}{year % 100:02}", said["interval"], None,
        )  # fmt: skip
        assert (bar.bar_start, bar.volume) == (said["ts"], said["volume"])
        for field in ("open", "high", "low", "close"):
            # The nearest double of an exact decimal is the one in the file.
            assert float(getattr(bar, field)) == said[field]


@real_data
def test_the_doubles_that_sums_left_in_the_daily_file_are_prices_again() -> None:
    found = bars_of(open_bars(BARS / "daily_2010_2020_es_nq_6e_gc_zc_cl.parquet"))
    off = [bar for bar in found if bar.symbol == "6E" and (bar.close or 0) % Decimal("0.00005")]
    assert off == []
    (odd,) = [bar for bar in found if bar.symbol == "ES" and (bar.close or 0) % Decimal("0.25")]
    assert (odd.close, odd.bar_start) == (
        Decimal("1767.4"),
        datetime(2013, 10, 28, 22, tzinfo=UTC),
    )


# --- Databento -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.dbn", "a.dbn.zst"])
@pytest.mark.parametrize("width", ["1s", "1m"])
def test_a_record_is_read_exactly(tmp_path: Path, name: str, width: str) -> None:
    tape = open_bars(write_dbn(tmp_path / name, ohlcv_head(width) + ohlcv(width)))
    assert (tape.fingerprint.format, tape.schema) == ("dbn", f"ohlcv-{width}")
    assert (tape.vendor, tape.records) == ("Databento GLBX.MDP3", 1)
    assert bars_of(tape) == [
        ImportedBar(
            symbol="ESU24", width=width, bar_start=START, open=WHOLE.open, high=WHOLE.high,
            low=WHOLE.low, close=WHOLE.close, volume=120,
        )
    ]  # fmt: skip


def test_hours_and_days_of_records_are_filed_by_their_starts(tmp_path: Path) -> None:
    hour = START_NS - 30 * 60 * 10**9
    (bar,) = bars_of(
        open_bars(write_dbn(tmp_path / "a.dbn", ohlcv_head("1h") + ohlcv("1h", ts_event=hour)))
    )
    assert (bar.width, bar.bar_start) == ("1h", START - timedelta(minutes=30))
    day = 1_719_792_000_000_000_000  # 2024-07-01T00:00:00Z
    records = ohlcv("1d", ts_event=day) + ohlcv("1d", ts_event=day + 10**9)
    midnight, late = bars_of(open_bars(write_dbn(tmp_path / "b.dbn", ohlcv_head("1d") + records)))
    assert (midnight.width, midnight.refused) == ("1d", None)
    assert midnight.bar_start == datetime(2024, 6, 30, 22, tzinfo=UTC)
    assert (late.refused or "").startswith("ts: 2024-07-01T00:00:01+00:00 is not 00:00 UTC")


def test_what_a_record_leaves_undefined_is_missing_or_refused(tmp_path: Path) -> None:
    records = (
        ohlcv("1m", open=databento_dbn.UNDEF_PRICE)
        + ohlcv("1m", ts_event=databento_dbn.UNDEF_TIMESTAMP)
        + ohlcv("1m", instrument_id=7)
    )
    no_open, no_ts, no_name = bars_of(
        open_bars(write_dbn(tmp_path / "a.dbn", ohlcv_head("1m") + records))
    )
    assert (no_open.open, no_open.close, no_open.refused) == (None, WHOLE.close, None)
    assert no_ts.refused == "ts: the record has no ts_event"
    assert no_name.refused == "symbol: instrument_id 7 has no name on 2024-07-01"


def test_a_number_is_named_by_the_day_of_its_bar(tmp_path: Path) -> None:
    days = [date(2024, 7, n) for n in (1, 2, 3)]
    mappings = [
        Mapped("ESU4", [Interval(days[0], days[1], "118")]),
        Mapped("ESZ4", [Interval(days[1], days[2], "118")]),
    ]
    records = ohlcv("1m") + ohlcv("1m", ts_event=START_NS + 86_400 * 10**9)
    path = write_dbn(tmp_path / "a.dbn", metadata("ohlcv-1m", mappings) + records)
    assert [bar.symbol for bar in bars_of(open_bars(path))] == ["ESU24", "ESZ24"]


@pytest.mark.parametrize("schema", ["mbp-1", "trades", "mbo", "definition", "ohlcv-eod"])
def test_another_schema_is_refused_by_name(tmp_path: Path, schema: str) -> None:
    path = write_dbn(tmp_path / "a.dbn", metadata(schema) + trade())
    with pytest.raises(Rejected, match=f"schema '{schema}' is not taken; {', '.join(OHLCV[:3])}"):
        open_bars(path)


@pytest.mark.parametrize("schema", OHLCV)
def test_a_file_of_bars_is_no_tape_of_ticks(tmp_path: Path, schema: str) -> None:
    width = schema.removeprefix("ohlcv-")
    path = write_dbn(tmp_path / "a.dbn", ohlcv_head(width) + ohlcv(width))
    with pytest.raises(Rejected, match=f"schema '{schema}' is not taken; mbp-1, tbbo and trades"):
        open_tape(path)
    with pytest.raises(Rejected, match="column 'last', 'bid' or 'ask' is missing"):
        open_tape(bars_file(tmp_path / "a.parquet", [row()]))


# --- bad files -----------------------------------------------------------------------------


def test_a_file_that_is_no_file_of_bars_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="gone.parquet: No such file"):
        open_bars(tmp_path / "gone.parquet")
    (tmp_path / "a.csv").write_bytes(b"")
    with pytest.raises(Rejected, match="a.csv: is empty"):
        open_bars(tmp_path / "a.csv")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    with pytest.raises(Rejected, match="a.parquet: cannot be read as Parquet"):
        open_bars(tmp_path / "a.parquet")
    with pytest.raises(Rejected, match="holds no records"):
        open_bars(write_dbn(tmp_path / "a.dbn", ohlcv_head("1m")))
    with pytest.raises(Rejected, match="is no file"):
        open_bars(tmp_path)


@pytest.mark.parametrize("gone", [1, 20, 55])
def test_a_databento_file_cut_in_a_record_is_refused(tmp_path: Path, gone: int) -> None:
    content = ohlcv_head("1m") + ohlcv("1m") * 3
    path = write_dbn(tmp_path / "a.dbn", content[:-gone])
    with pytest.raises(Rejected, match="cannot be read as DBN, it is truncated or damaged"):
        open_bars(path)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = bars_file(tmp_path / "a.csv", rows(3))
    tape = open_bars(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(Rejected, match="the file changed after it was opened"):
        bars_of(tape)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=4),
    kept=st.integers(1, 900),
)
def test_a_damaged_file_is_refused_or_read_to_its_end(
    tmp_path: Path, changes: list[tuple[int, int]], kept: int
) -> None:
    content = bytearray(ohlcv_head("1m") + ohlcv("1m") * 6)
    for at, byte in changes:
        content[at % len(content)] = byte
    path = tmp_path / "a.dbn"
    path.write_bytes(content[:kept])
    try:
        tape = open_bars(path)
    except Rejected as refusal:
        assert str(refusal).startswith(f"{path}: ")
    else:
        assert len(bars_of(tape)) == tape.records

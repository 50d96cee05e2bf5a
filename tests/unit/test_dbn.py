"""A Databento file gives one exact tick a record, and a damaged one gives none."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import databento_dbn
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest
from databento_dbn import Action, Side
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tape_files import (
    ESU4_DBN,
    MBO_DBN,
    NO_PRICE,
    TS,
    TS_NS,
    Interval,
    Mapped,
    mbp1,
    metadata,
    shared_tape,
    trade,
    write_dbn,
)

from thor.domain.tick import Tick
from thor.errors import Rejected
from thor.market.collect.files.tape import Tape, open_tape

real_data = pytest.mark.skipif(not ESU4_DBN.exists(), reason="no real data in ../shared/data")
DAY_NS = 86_400_000_000_000


def ticks_of(tape: Tape) -> list[Tick]:
    return [tick for batch in tape.batches() for tick in batch]


def read(path: Path, content: bytes, as_root: str | None = None) -> list[Tick]:
    return ticks_of(open_tape(write_dbn(path, content), as_root=as_root))


# --- real data -----------------------------------------------------------------------------


@real_data
def test_every_record_of_the_real_file_is_one_tick() -> None:
    tape = open_tape(ESU4_DBN)
    ticks = ticks_of(tape)
    assert (tape.format, tape.schema, tape.vendor) == (
        "dbn",
        "mbp-1",
        "Databento GLBX.MDP3",
    )
    assert (tape.records, len(ticks)) == (2_288, 2_288)
    assert sum(tick.is_trade for tick in ticks) == 120
    assert [tick.seq for tick in ticks] == list(range(2_288))
    assert {(t.symbol, t.contract, t.source, t.refused) for t in ticks} == {
        ("ESU24", "ESU24", tape.source, None)
    }
    (span,) = tape.spans.values()
    assert (span.symbol, span.root, span.records) == ("ESU24", "ES", 2_288)
    assert span.first_ts == datetime(2024, 7, 1, 23, 58, 1, 218218, UTC)
    assert span.last_ts == datetime(2024, 7, 2, 0, 1, 59, 824330, UTC)


@real_data
def test_the_ticks_agree_with_the_vendor_s_own_text_of_the_file() -> None:
    text = io.BytesIO()
    transcoder = databento_dbn.Transcoder(
        text,
        databento_dbn.Encoding.from_str("csv"),
        databento_dbn.Compression.from_str("none"),
        map_symbols=True,
    )
    transcoder.write(pa.input_stream(str(ESU4_DBN), compression="zstd").read())
    transcoder.flush()
    said = list(csv.DictReader(io.StringIO(text.getvalue().decode())))
    for tick, record in zip(ticks_of(open_tape(ESU4_DBN)), said, strict=True):
        is_trade = record["action"] == "T"
        assert (tick.symbol, tick.is_trade) == ("ESU24", is_trade)
        assert record["symbol"] == "ESU4"
        assert tick.ts == datetime.fromisoformat(record["ts_event"])
        assert tick.received_at == datetime.fromisoformat(record["ts_recv"])
        assert (tick.bid, tick.ask) == (
            Decimal(record["bid_px_00"]),
            Decimal(record["ask_px_00"]),
        )
        assert (tick.bid_size, tick.ask_size) == (
            int(record["bid_sz_00"]),
            int(record["ask_sz_00"]),
        )
        if is_trade:
            assert (tick.last, tick.last_size) == (
                Decimal(record["price"]),
                int(record["size"]),
            )
            assert tick.volume_delta == tick.last_size
            assert tick.side == {"A": "S", "B": "B", "N": None}[record["side"]]
        else:
            assert (tick.last, tick.last_size, tick.volume_delta, tick.side) == (None,) * 4


@real_data
def test_the_parquet_made_from_the_file_follows_from_its_ticks_row_for_row() -> None:
    """The Parquet file splits a trade's record in two, and leaves repeated quotes out.

    Each trade is a row without the book; each change of the book, a trade's own included, is a
    quote. Here that makes one row more (the first trade brings the first book) and one less (one
    record repeats the book before it), so that both files count 2,288.
    """
    rows: list[tuple[Any, ...]] = []
    book: tuple[Any, ...] | None = None
    for tick in ticks_of(open_tape(ESU4_DBN)):
        if tick.is_trade:
            rows.append(
                (
                    tick.ts,
                    "trade",
                    tick.last,
                    None,
                    None,
                    tick.last_size,
                    None,
                    None,
                    tick.side,
                )
            )
        quoted = (tick.bid, tick.ask, tick.bid_size, tick.ask_size)
        if quoted != book:
            book = quoted
            rows.append((tick.ts, "quote", None, tick.bid, tick.ask, None, *quoted[2:], None))
    fields = (
        "ts",
        "kind",
        "last",
        "bid",
        "ask",
        "last_size",
        "bid_size",
        "ask_size",
        "side",
    )
    made = pa_parquet.read_table(shared_tape("es_esu4_20240701_mbp1")).to_pylist()
    # Multiples of a quarter: a double holds them exactly.
    assert rows == [tuple(row[field] for field in fields) for row in made]
    assert len(rows) == 2_288


@real_data
def test_an_order_book_file_is_refused_by_its_schema() -> None:
    with pytest.raises(Rejected, match="schema 'mbo' is not taken; mbp-1, tbbo and trades are"):
        open_tape(MBO_DBN)


# --- records -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.dbn", "a.dbn.zst"])
def test_a_trade_is_read_exactly(tmp_path: Path, name: str) -> None:
    tape = open_tape(write_dbn(tmp_path / name, metadata("trades") + trade()))
    assert tape.schema == "trades"
    assert ticks_of(tape) == [
        Tick(
            symbol="ESU24",
            contract="ESU24",
            ts=TS,
            seq=0,
            source=tape.source,
            # 250 µs later, and the cut is made on the sum of nanoseconds.
            received_at=TS + timedelta(microseconds=250),
            last=Decimal("5528.75"),
            last_size=2,
            side="B",
            volume_delta=2,
            is_trade=True,
        )
    ]


def test_a_trade_with_its_book_keeps_the_book(tmp_path: Path) -> None:
    (tick,) = read(tmp_path / "a.dbn", metadata("tbbo") + mbp1(side=Side.ASK))
    assert (tick.last, tick.last_size, tick.side) == (Decimal("5528.75"), 2, "S")
    assert (tick.bid, tick.ask) == (Decimal("5528.5"), Decimal("5528.75"))
    assert (tick.bid_size, tick.ask_size, tick.is_trade) == (29, 6, True)


@pytest.mark.parametrize("action", [Action.ADD, Action.CANCEL, Action.MODIFY, Action.CLEAR])
def test_a_change_of_the_book_is_a_quote_without_a_side(tmp_path: Path, action: Action) -> None:
    (tick,) = read(tmp_path / "a.dbn", metadata("mbp-1") + mbp1(action=action, side=Side.ASK))
    assert (tick.is_trade, tick.last, tick.last_size, tick.side) == (
        False,
        None,
        None,
        None,
    )
    assert (tick.bid, tick.ask) == (Decimal("5528.5"), Decimal("5528.75"))


def test_an_undefined_price_is_null_and_so_is_its_size(tmp_path: Path) -> None:
    records = mbp1(bid=NO_PRICE, action=Action.CANCEL) + mbp1(ask=NO_PRICE, price=NO_PRICE)
    quote, traded = read(tmp_path / "a.dbn", metadata("mbp-1") + records)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (
        None, None, Decimal("5528.75"), 6,
    )  # fmt: skip
    assert (traded.last, traded.ask, traded.ask_size) == (None, None, None)


def test_a_trade_of_no_known_side_has_none(tmp_path: Path) -> None:
    (tick,) = read(tmp_path / "a.dbn", metadata("trades") + trade(side=Side.NONE))
    assert (tick.side, tick.is_trade) == (None, True)


@pytest.mark.parametrize(
    ("fixed", "price"),
    [
        (1, "0.000000001"),
        (-37_630_000_000, "-37.63"),
        (0, "0"),
        (100_000_000_000, "100"),
        (9_223_372_036_854_775_806, "9223372036.854775806"),
    ],
)
def test_a_fixed_price_is_an_exact_decimal(tmp_path: Path, fixed: int, price: str) -> None:
    (tick,) = read(tmp_path / "a.dbn", metadata("trades") + trade(price=fixed))
    assert f"{tick.last:f}" == price


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**62),
            st.integers(-(2**63), 2**63 - 2),
            st.integers(0, 2**31),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_was_encoded_is_read_back(tmp_path: Path, said: list[tuple[int, int, int]]) -> None:
    records = b"".join(trade(ts_event=ns, price=price, size=size) for ns, price, size in said)
    ticks = read(tmp_path / "a.dbn.zst", metadata("trades") + records)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert [(tick.ts - epoch) // timedelta(microseconds=1) for tick in ticks] == [
        ns // 1_000 for ns, _, _ in said
    ]
    assert [int(tick.last.scaleb(9)) for tick in ticks if tick.last is not None] == [
        price for _, price, _ in said
    ]
    assert [tick.last_size for tick in ticks] == [size for _, _, size in said]


def test_a_file_of_many_pieces_and_frames_is_read_through(tmp_path: Path) -> None:
    content = metadata("trades") + b"".join(
        trade(ts_event=TS_NS + n * 1_000) for n in range(20_001)
    )
    path = tmp_path / "a.dbn.zst"
    # Three frames, cut where no record ends.
    cuts = [0, 1_111, 500_003, len(content)]
    frames = [content[a:b] for a, b in pairwise(cuts)]
    path.write_bytes(b"".join(pa.compress(frame, "zstd", asbytes=True) for frame in frames))
    tape = open_tape(path)
    ticks = ticks_of(tape)
    assert (tape.records, len(ticks), ticks[-1].seq) == (20_001, 20_001, 20_000)
    assert ticks[-1].ts == TS + timedelta(microseconds=20_000)


def test_records_with_the_time_of_sending_are_read(tmp_path: Path) -> None:
    content = metadata("trades", ts_out=True) + trade(ts_out=TS_NS + 9) + trade(ts_out=TS_NS + 9)
    ticks = read(tmp_path / "a.dbn", content)
    assert [(tick.seq, tick.last) for tick in ticks] == [(n, Decimal("5528.75")) for n in (0, 1)]


def test_a_time_that_is_undefined_refuses_its_record(tmp_path: Path) -> None:
    none = databento_dbn.UNDEF_TIMESTAMP
    records = trade(ts_event=none) + trade() + trade(ts_event=none) + trade(ts_recv=none)
    tape = open_tape(write_dbn(tmp_path / "a.dbn", metadata("trades") + records))
    ticks = ticks_of(tape)
    refused = "ts: the record has no ts_event"
    assert [tick.refused for tick in ticks] == [refused, None, refused, None]
    assert {tick.ts for tick in ticks} == {TS}
    assert ticks[3].received_at == TS
    assert (tape.records, tape.spans["ESU24"].records) == (4, 2)


# --- which series --------------------------------------------------------------------------


def test_a_number_is_named_by_the_day_it_was_received(tmp_path: Path) -> None:
    mappings = [
        Mapped("ESU4", [Interval(date(2024, 7, 1), date(2024, 7, 2), "118")]),
        Mapped("ESZ4", [Interval(date(2024, 7, 2), date(2024, 7, 3), "118")]),
        Mapped("NQU4", [Interval(date(2024, 7, 1), date(2024, 7, 3), "7")]),
    ]
    records = b"".join(
        trade(
            instrument_id=number,
            ts_event=TS_NS + days * DAY_NS,
            ts_recv=TS_NS + days * DAY_NS,
        )
        for number, days in ((118, 0), (7, 0), (118, 1), (118, 2), (7, 1))
    )
    tape = open_tape(write_dbn(tmp_path / "a.dbn", metadata("trades", mappings) + records))
    ticks = ticks_of(tape)
    assert [tick.symbol for tick in ticks] == ["ESU24", "NQU24", "ESZ24", "", "NQU24"]
    assert ticks[3].refused == "symbol: instrument_id 118 has no name on 2024-07-03"
    assert {s: (span.root, span.records) for s, span in tape.spans.items()} == {
        "ESU24": ("ES", 1), "ESZ24": ("ES", 1), "NQU24": ("NQ", 2),
    }  # fmt: skip
    assert tape.records == 5


@pytest.mark.parametrize(
    ("name", "symbol", "contract"),
    [
        ("6EU24", "6EU24", "6EU24"),
        ("ES.c.0", "ES", None),
        ("ES.v.0", "ES", None),
        ("ES.c.1", "ES.c.1", None),
        ("ESU24-ESZ24", "ESU24-ESZ24", None),
        ("AAPL", "AAPL", None),
    ],
)
def test_a_name_gives_month_front_month_or_itself(
    tmp_path: Path, name: str, symbol: str, contract: str | None
) -> None:
    mappings = [Mapped(name, [Interval(date(2024, 7, 1), date(2024, 7, 2), "118")])]
    (tick,) = read(tmp_path / "a.dbn", metadata("trades", mappings) + trade())
    assert (tick.symbol, tick.contract, tick.refused) == (symbol, contract, None)


def test_a_file_that_maps_numbers_to_names_is_read_the_other_way_round(
    tmp_path: Path,
) -> None:
    mappings = [Mapped("118", [Interval(date(2024, 7, 1), date(2024, 7, 2), "ESU4")])]
    head = metadata(
        "trades",
        mappings,
        stype_in=databento_dbn.SType.INSTRUMENT_ID,
        stype_out=databento_dbn.SType.RAW_SYMBOL,
    )
    (tick,) = read(tmp_path / "a.dbn", head + trade())
    assert (tick.symbol, tick.contract) == ("ESU24", "ESU24")


def test_a_single_month_is_filed_under_its_root_and_several_are_not(
    tmp_path: Path,
) -> None:
    (tick,) = read(tmp_path / "a.dbn", metadata("trades") + trade(), as_root="ES")
    assert (tick.symbol, tick.contract) == ("ES", "ESU24")
    days = (date(2024, 7, 1), date(2024, 7, 2))
    mappings = [
        Mapped("ESU4", [Interval(*days, "118")]),
        Mapped("ESZ4", [Interval(*days, "7")]),
    ]
    with pytest.raises(Rejected, match=r"2 months \(ESU24, ESZ24\)"):
        read(
            tmp_path / "a.dbn",
            metadata("trades", mappings) + trade() + trade(instrument_id=7),
            "ES",
        )


# --- bad files -----------------------------------------------------------------------------


@pytest.mark.parametrize("schema", ["mbo", "mbp-10", "ohlcv-1s", "definition", "bbo-1s", "cmbp-1"])
def test_another_schema_is_refused_by_name(tmp_path: Path, schema: str) -> None:
    path = write_dbn(tmp_path / "a.dbn", metadata(schema))
    with pytest.raises(Rejected, match=f"schema '{schema}' is not taken; mbp-1, tbbo and trades"):
        open_tape(path)


def test_a_capture_of_several_schemas_is_refused(tmp_path: Path) -> None:
    head = databento_dbn.Metadata(
        dataset="GLBX.MDP3",
        start=TS_NS,
        stype_in=None,
        stype_out=databento_dbn.SType.from_str("instrument_id"),
        schema=None,
    )
    with pytest.raises(Rejected, match="schema 'mixed' is not taken"):
        read(tmp_path / "a.dbn", bytes(head) + trade())


def test_a_file_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="holds no records"):
        read(tmp_path / "a.dbn", metadata("trades"))


@pytest.mark.parametrize("gone", [1, 4, 47, 49, 100])
def test_a_file_cut_in_a_record_is_refused_before_any_tick(tmp_path: Path, gone: int) -> None:
    content = metadata("trades") + trade() * 5
    with pytest.raises(Rejected, match=r"a\.dbn: cannot be read as DBN, it is truncated"):
        read(tmp_path / "a.dbn", content[:-gone])


@pytest.mark.parametrize("kept", [3, 7, 8, 100])
def test_a_file_cut_in_its_metadata_is_refused(tmp_path: Path, kept: int) -> None:
    with pytest.raises(Rejected, match=r"a\.dbn: cannot be read as DBN, it is truncated"):
        read(tmp_path / "a.dbn", metadata("trades")[:kept])


@real_data
@pytest.mark.parametrize("kept", [5, 100, 20_000, 43_597])
def test_a_packed_file_cut_in_its_frame_is_refused(tmp_path: Path, kept: int) -> None:
    content = ESU4_DBN.read_bytes()
    assert len(content) == 43_598
    (tmp_path / "a.dbn.zst").write_bytes(content[:kept])
    with pytest.raises(Rejected, match=r"a\.dbn\.zst: cannot be read as DBN, it is truncated"):
        open_tape(tmp_path / "a.dbn.zst")


def test_a_packed_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="begins with b'sym' and not with b'DBN'"):
        open_tape(write_dbn(tmp_path / "a.csv.zst", b"symbol,ts,last\n"))


def test_a_record_of_another_kind_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="record 1 has 80 bytes and type 1, one of trades has 48"):
        read(tmp_path / "a.dbn", metadata("trades") + trade() + mbp1() + trade())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    schema=st.sampled_from(["trades", "tbbo"]),
    changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=4),
    kept=st.integers(1, 900),
)
def test_a_damaged_file_is_refused_or_read_to_its_end(
    tmp_path: Path, schema: str, changes: list[tuple[int, int]], kept: int
) -> None:
    content = bytearray(metadata(schema) + (trade() if schema == "trades" else mbp1()) * 4)
    for at, byte in changes:
        content[at % len(content)] = byte
    path = tmp_path / "a.dbn"
    path.write_bytes(content[:kept])
    try:
        tape = open_tape(path)
    except Rejected as refusal:
        assert str(refusal).startswith(f"{path}: ")
    else:
        assert [tick.seq for tick in ticks_of(tape)] == list(range(tape.records))

"""Blocks of COPY as Arrow: every value there is, exactly, and nothing that is not."""

import struct
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thor.errors import Broken
from thor.lake.export import blocks
from thor.lake.export.blocks import HEAD, NULL_4, NULL_8, UnknownWord, Words

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = date(2024, 7, 1)
WORDS = Words("ES", DAY, ("SIM", "TAPE:0123abcd"), ("ESU24", "ESZ24"))
WIDE = "qq qqq iii qq qq i".replace(" ", "")

instants = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
# All values of numeric(18, 8).
prices = st.none() | st.integers(-(10**18) + 1, 10**18 - 1).map(lambda n: Decimal(n).scaleb(-8))
sizes = st.none() | st.integers(-(2**31) + 1, 2**31 - 1)
counts = st.none() | st.integers(-(2**63) + 1, 2**63 - 1)
ticks = st.fixed_dictionaries(
    {
        "ts": instants, "seq": st.integers(-(2**63), 2**63 - 1), "last": prices, "bid": prices,
        "ask": prices, "last_size": sizes, "bid_size": sizes, "ask_size": sizes,
        "volume": counts, "volume_delta": counts, "received_at": instants, "created_at": instants,
        "is_trade": st.booleans(), "is_sampled": st.booleans(),
        "side": st.sampled_from(["B", "S", None]), "source": st.sampled_from(WORDS.sources),
        "contract": st.sampled_from([*WORDS.contracts, None]),
    }
)  # fmt: skip


def sent(tick: dict[str, Any], *, source: int | None = None, contract: int | None = None) -> bytes:
    """Return a row as PostgreSQL sends it, by its own documentation: big-endian, lengths first."""
    if source is None:
        source = WORDS.sources.index(tick["source"]) + 1
    if contract is None:
        named = tick["contract"]
        contract = 0 if named is None else WORDS.contracts.index(named) + 2
    marks = tick["is_trade"] | tick["is_sampled"] << 1 | source << 4 | contract << 16
    marks |= {"B": 4, "S": 8, None: 0}[tick["side"]]
    values = [
        micros(tick["ts"]), tick["seq"],
        *(scaled(tick[name]) for name in ("last", "bid", "ask")),
        *(or_least(tick[name], NULL_4) for name in ("last_size", "bid_size", "ask_size")),
        *(or_least(tick[name], NULL_8) for name in ("volume", "volume_delta")),
        micros(tick["received_at"]), micros(tick["created_at"]), marks,
    ]  # fmt: skip
    fields = [struct.pack(f">{kind}", v) for kind, v in zip(WIDE, values, strict=True)]
    body = b"".join(struct.pack(">i", len(field)) + field for field in fields)
    return struct.pack(">h", len(fields)) + body


def micros(ts: datetime) -> int:
    return (ts - EPOCH) // MICROSECOND


def scaled(price: Decimal | None) -> int:
    return NULL_8 if price is None else int(price.scaleb(8))


def or_least(value: int | None, least: int) -> int:
    return least if value is None else value


A_TICK: dict[str, Any] = {
    "ts": datetime(2024, 7, 1, 14, 30, 0, 123456, tzinfo=UTC), "seq": 7, "last": Decimal("-37.63"),
    "bid": None, "ask": Decimal("0.00000001"), "last_size": 0, "bid_size": None, "ask_size": 3,
    "volume": None, "volume_delta": 5, "received_at": datetime(2024, 7, 1, 14, 31, tzinfo=UTC),
    "created_at": datetime(2024, 7, 2, tzinfo=UTC), "is_trade": True, "is_sampled": False,
    "side": "S", "source": "TAPE:0123abcd", "contract": None,
}  # fmt: skip


# The first example waits for what is imported.
@settings(deadline=None)
@given(st.lists(ticks, max_size=20))
def test_every_value_comes_out_as_it_went_in(reported: list[dict[str, Any]]) -> None:
    table = blocks.table(b"".join(map(sent, reported)), WORDS)
    assert table.schema.names == blocks.SCHEMA.names
    common = {"symbol": "ES", "trade_date": DAY}
    assert table.to_pylist() == [{**tick, **common} for tick in reported]


def test_a_price_is_exact_to_its_last_digit_and_typed_as_the_table_has_it() -> None:
    table = blocks.table(sent(A_TICK), WORDS)
    assert table.column("ask").to_pylist() == [Decimal("0.00000001")]
    assert str(table.schema.field("last").type) == "decimal128(18, 8)"
    assert str(table.schema.field("ts").type) == "timestamp[us, tz=UTC]"
    assert table.column("last_size").to_pylist() == [0]


@pytest.mark.parametrize("strange", [{"source": 0}, {"contract": 1}])
def test_an_unexpected_word_is_reported(strange: dict[str, int]) -> None:
    with pytest.raises(UnknownWord):
        blocks.table(sent(A_TICK) + sent(A_TICK, **strange), WORDS)


@pytest.mark.parametrize(
    "block", [sent(A_TICK)[:-1], b"\0" + sent(A_TICK)[:-1], bytes(len(sent(A_TICK)))]
)
def test_what_is_no_row_of_that_width_is_broken(block: bytes) -> None:
    with pytest.raises(Broken):
        blocks.table(block, WORDS)


def test_the_frame_of_a_stream_is_taken_off() -> None:
    row = sent(A_TICK)
    whole = bytearray(HEAD + row + b"\xff\xff")
    assert blocks.without_frame(whole, is_first=True, is_last=True) == row
    assert blocks.without_frame(bytearray(row), is_first=False, is_last=False) == row
    with pytest.raises(Broken, match="ended before its end"):
        blocks.without_frame(bytearray(row), is_first=False, is_last=True)
    with pytest.raises(Broken, match="no COPY"):
        blocks.without_frame(bytearray(row), is_first=True, is_last=False)

"""The rules that need no memory: each field, each limit, and what is never an exception."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ticks_made import LISTING, TS, tick

from thor.domain.tick import Refusal, Tick, check


def refusal(**given: Any) -> Refusal:
    found = check(tick(**given), LISTING)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"symbol": "ESU24"},
        {"contract": "ESU24"},
        {"last": Decimal("5000.250000000000")},
        {"symbol": "CL", "last": Decimal("0")},
        {"symbol": "CL", "last": Decimal("-0.00")},
        {"last": Decimal("9999999999.75")},
        {"last": Decimal("5.00025E+3")},
        {"symbol": "CL", "last": Decimal("-37.63")},
        {"symbol": "DX", "last": Decimal("104.123")},
        {"last_size": 0, "bid_size": 0, "ask_size": 0},
        {"last_size": 2**31 - 1},
        {"seq": 0},
        {"seq": 2**63 - 1},
        {"volume": 2**63 - 1, "volume_delta": 0},
        {"ts": TS + timedelta(seconds=5), "received_at": TS},
        {"ts": TS, "received_at": TS + timedelta(days=4000)},
        {"ts": datetime(1980, 1, 1, tzinfo=UTC)},
        {"ts": TS.astimezone(timezone(timedelta(hours=-5)))},
        # A crossed or locked market, and a last outside it, are legal.
        {"last": Decimal(5000), "bid": Decimal(5001), "ask": Decimal("4999.75")},
        {"last": None, "is_trade": False, "bid": Decimal(5000)},
        {"last": None, "is_trade": False, "volume": 12},
        {"side": "S"},
        {"source": "EXCEL", "is_sampled": True},
    ],
)
def test_a_tick_within_the_rules_is_loaded(given: dict[str, Any]) -> None:
    assert check(tick(**given), LISTING) is None


@pytest.mark.parametrize(
    ("given", "field", "value", "reason"),
    [
        ({"symbol": ""}, "symbol", "", "is not listed"),
        ({"symbol": "es"}, "symbol", "es", "es is not listed"),
        ({"symbol": "BAC"}, "symbol", "BAC", "`thor instruments add` lists one"),
        ({"symbol": "ES'--"}, "symbol", "ES'--", "ES'-- is not listed"),
        ({"symbol": "ESZ29"}, "symbol", "ESZ29", "ESZ29 is not listed"),
        ({"source": "NOBODY"}, "source", "NOBODY", "NOBODY is not in reference.sources"),
        ({"source": ""}, "source", "", "is not in reference.sources"),
        ({"last": Decimal(0)}, "last", "0", "0 is no price of ES, whose prices are above 0"),
        ({"bid": Decimal("-0.00")}, "bid", "-0.00", "-0.00 is no price of ES"),
        ({"seq": -1}, "seq", "-1", "-1 is outside 0 … 2^63-1"),
        ({"seq": 2**63}, "seq", "9223372036854775808", "is outside 0 … 2^63-1"),
        (
            {"ts": TS + timedelta(hours=1), "received_at": TS},
            "ts",
            "2024-07-01T15:30:00.123456+00:00",
            "is 3600 s ahead of received_at 2024-07-01T14:30:00.123456+00:00, at most 5 s",
        ),
        (
            {"ts": TS + timedelta(seconds=5, microseconds=1), "received_at": TS},
            "ts",
            "2024-07-01T14:30:05.123457+00:00",
            "ahead of received_at",
        ),
        (
            {"ts": datetime(1979, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)},
            "ts",
            "1979-12-31T23:59:59.999999+00:00",
            "is before 1980",
        ),
        ({"last": Decimal("NaN")}, "last", "NaN", "NaN is not a finite number"),
        ({"bid": Decimal("sNaN")}, "bid", "sNaN", "is not a finite number"),
        ({"ask": Decimal("Infinity")}, "ask", "Infinity", "is not a finite number"),
        ({"last": Decimal("-Infinity")}, "last", "-Infinity", "is not a finite number"),
        ({"last": Decimal("5000.26")}, "last", "5000.26", "is not on ES's grid of 0.25"),
        ({"bid": Decimal("5000.2500001")}, "bid", "5000.2500001", "is not on ES's grid"),
        ({"ask": Decimal("1E-30")}, "ask", "1E-30", "is not on ES's grid"),
        (
            {"symbol": "DX", "last": Decimal("104.1235")},
            "last",
            "104.1235",
            "is not on DX's grid of 0.001",
        ),
        ({"last": Decimal(10) ** 10}, "last", "10000000000", "does not fit numeric(18,8)"),
        (
            {"symbol": "CL", "bid": Decimal(-(10**10))},
            "bid",
            "-10000000000",
            "does not fit numeric(18,8)",
        ),
        ({"last": Decimal("-0.25")}, "last", "-0.25", "is negative, which ES does not allow"),
        ({"last_size": -1}, "last_size", "-1", "-1 is outside 0 … 2^31-1"),
        ({"bid_size": 2**31}, "bid_size", "2147483648", "is outside 0 … 2^31-1"),
        ({"ask_size": 2**70}, "ask_size", str(2**70), "is outside 0 … 2^31-1"),
        ({"volume": -1}, "volume", "-1", "-1 is outside 0 … 2^63-1"),
        ({"volume_delta": 2**63}, "volume_delta", str(2**63), "is outside 0 … 2^63-1"),
        ({"contract": "ES\x00U4"}, "contract", r"'ES\x00U4'", "is no contract's code"),
        ({"contract": ""}, "contract", "''", "is no contract's code"),
        ({"contract": "ESU24\n"}, "contract", r"'ESU24\n'", "is no contract's code"),
        ({"last": None}, "last", "", "is missing on a trade"),
        (
            {"last": None, "is_trade": False, "bid_size": 3},
            "last",
            "",
            "is missing, and so are bid, ask and volume",
        ),
    ],
)
def test_a_tick_against_a_rule_is_refused_by_field_and_value(
    given: dict[str, Any], field: str, value: str, reason: str
) -> None:
    found = refusal(**given)
    assert (found.field, found.value) == (field, value)
    assert reason in found.reason
    assert found.reason.startswith(value)


@pytest.mark.parametrize(
    "price",
    # Beyond what the default decimal context computes with: abs() alone raises there.
    [Decimal("1E+1000000"), Decimal("-1E+999999999"), Decimal("9.99E+999999999999999999")],
)
def test_a_price_beyond_decimal_arithmetic_is_refused_like_any_that_does_not_fit(
    price: Decimal,
) -> None:
    assert "does not fit numeric(18,8)" in refusal(symbol="CL", bid=price).reason


@pytest.mark.parametrize("exponent", [-9, -400, -1_000_050, -999_999_999])
def test_a_price_too_small_for_the_grid_is_refused_however_small_it_is(exponent: int) -> None:
    # A remainder that underflows is zero, and zero lies on every grid.
    price = Decimal((0, (1,), exponent))
    assert refusal(symbol="CL", last=price).field == "last"


def test_a_value_of_any_length_is_shown_in_a_few_words() -> None:
    found = refusal(symbol="X" * 10_000_000)
    assert found.value == "X" * 200 + "…"
    assert len(found.reason) < 300


@pytest.mark.parametrize(
    ("refused", "field", "value", "reason"),
    [
        ("seq: 1 comes after 7", "seq", "1", "1 comes after 7"),
        ("last: is missing", "last", "5000.25", "is missing"),
        ("no field at all", "no field at all", "", "no field at all"),
        ("", "", "", ""),
        ("mood: is bad", "mood", "", "is bad"),
    ],
)
def test_what_the_collector_would_not_vouch_for_is_refused_in_its_words(
    refused: str, field: str, value: str, reason: str
) -> None:
    assert refusal(refused=refused) == Refusal(field, value, reason)


def test_what_the_collector_refused_stays_refused_though_all_else_is_right() -> None:
    assert check(tick(), LISTING) is None
    assert refusal(refused="last: cannot be read").field == "last"


def test_the_skew_allowed_is_the_callers_to_choose() -> None:
    late = tick(ts=TS + timedelta(seconds=8), received_at=TS)
    assert check(late, LISTING) is not None
    assert check(late, LISTING, timedelta(seconds=8)) is None
    strict = check(tick(ts=TS, received_at=TS), LISTING, timedelta(0))
    assert strict is None


@given(steps=st.integers(1, 4 * 10**10 - 1), field=st.sampled_from(["last", "bid", "ask"]))
def test_every_multiple_of_the_grid_is_taken(steps: int, field: str) -> None:
    # Of integers, so that no decimal arithmetic vouches for itself.
    price = Decimal(steps * 25).scaleb(-2)
    assert check(tick(**{field: price}), LISTING) is None


@given(units=st.integers(-(10**18) + 1, 10**18 - 1).filter(lambda n: n % 25_000_000))
def test_everything_between_the_lines_of_the_grid_is_refused(units: int) -> None:
    assert "is not on ES's grid" in refusal(last=Decimal(units).scaleb(-8)).reason


any_price = (
    st.none()
    | st.decimals()
    | st.builds(
        lambda digits, exponent, sign: Decimal((sign, digits, exponent)),
        st.lists(st.integers(0, 9), min_size=1, max_size=60).map(tuple),
        st.integers(-1_100_000, 1_100_000) | st.integers(-20, 20),
        st.integers(0, 1),
    )
)
any_count = st.none() | st.integers() | st.sampled_from([-1, 0, 2**31, 2**63 - 1, 2**63])
any_text = st.text() | st.text(st.characters(categories=["Cs", "Cc", "Lu"]))
any_zone = (
    st.timezones()
    | st.just(UTC)
    | st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
)
any_time = st.datetimes(timezones=any_zone)
any_tick = st.builds(
    Tick,
    symbol=st.sampled_from(["ES", "CL", "DX", "ESU24"]) | any_text,
    ts=any_time | st.just(TS),
    seq=st.integers() | st.just(1),
    source=st.just("SIM") | any_text,
    received_at=any_time | st.just(TS),
    contract=st.none() | any_text,
    last=any_price,
    bid=any_price,
    ask=any_price,
    last_size=any_count,
    bid_size=any_count,
    ask_size=any_count,
    side=st.sampled_from([None, "B", "S"]),
    volume=any_count,
    volume_delta=any_count,
    is_trade=st.booleans(),
    is_sampled=st.booleans(),
    refused=st.none() | any_text,
)


@given(one=any_tick)
@example(one=tick(last=Decimal("1E+1000000")))
@example(
    one=tick(ts=datetime.max.replace(tzinfo=UTC), received_at=datetime.min.replace(tzinfo=UTC))
)
@example(one=tick(refused="\ud800: lone"))
@example(one=tick(refused="__class__: x"))
def test_no_tick_whatever_its_values_raises_when_it_is_checked(one: Tick) -> None:
    found = check(one, LISTING)
    if found is None:
        # An accepted tick fits the table's columns.
        assert one.symbol in {"ES", "CL", "DX", "ESU24"}
        assert one.source == "SIM"
        assert 0 <= one.seq < 2**63
        assert one.ts.year >= 1979
        for price in (one.last, one.bid, one.ask):
            assert price is None or price.is_finite()
        for size in (one.last_size, one.bid_size, one.ask_size):
            assert size is None or 0 <= size < 2**31
    else:
        assert all(isinstance(part, str) for part in msgspec.structs.astuple(found))
        assert len(found.value) <= 201


@given(one=any_tick)
def test_an_accepted_tick_has_utc_times(one: Tick) -> None:
    # Rows are read back in UTC: an instant after the year 9999 is impossible.
    if check(one, LISTING) is None:
        assert one.ts.astimezone(UTC) == one.ts
        assert one.received_at.astimezone(UTC) == one.received_at


def test_an_instant_after_the_year_9999_is_refused() -> None:
    late = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-5)))
    assert refusal(ts=late, received_at=late).field in ("ts", "received_at")
    assert refusal(received_at=late).field == "received_at"

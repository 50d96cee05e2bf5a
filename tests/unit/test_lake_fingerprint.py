"""The checksum of rows: the same for the same rows, another for any other."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from thor.lake import fingerprint

SCHEMA = pa.schema(
    [
        ("symbol", pa.string()), ("ts", pa.timestamp("us", "UTC")), ("seq", pa.int64()),
        ("last", pa.decimal128(18, 8)), ("wide", pa.decimal128(38, 16)), ("is_trade", pa.bool_()),
        ("value", pa.float64()), ("day", pa.date32()), ("size", pa.int32()),
        ("names", pa.list_(pa.string())),
    ]
)  # fmt: skip
# The first example waits for what is imported and compiled.
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
rows = st.fixed_dictionaries(
    {
        "symbol": st.none() | st.text('aé"{,', max_size=3),
        "ts": st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(
            lambda ts: ts.replace(tzinfo=UTC)
        ),
        "seq": st.none() | st.integers(-(2**63), 2**63 - 1),
        "last": st.none()
        | st.integers(-(10**18) + 1, 10**18 - 1).map(lambda n: Decimal(n).scaleb(-8)),
        "wide": st.none()
        | st.integers(-(10**30), 10**30).map(lambda n: Decimal(n).scaleb(-16)),
        "is_trade": st.none() | st.booleans(),
        "value": st.none() | st.floats(allow_nan=False),
        "day": st.none() | st.dates(date(1970, 1, 1), date(2090, 1, 1)),
        "size": st.none() | st.integers(-(2**31), 2**31 - 1),
        "names": st.none() | st.lists(st.text('aé"{,', max_size=2), max_size=2),
    }
)  # fmt: skip


def table(reported: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(reported, SCHEMA)


@calm
@given(st.lists(rows, max_size=8), st.randoms(), st.integers(0, 8))
def test_the_sum_is_of_the_rows_however_they_lie(
    reported: list[dict[str, Any]], random: Any, cut: int
) -> None:
    whole = table(reported)
    shuffled = reported.copy()
    random.shuffle(shuffled)
    assert fingerprint.of(table(shuffled)) == fingerprint.of(whole)
    parts = fingerprint.of(whole.slice(0, cut)) + fingerprint.of(whole.slice(cut))
    assert parts % 2**64 == fingerprint.of(whole)
    coded = whole.set_column(0, "symbol", whole.column("symbol").dictionary_encode())
    assert fingerprint.of(coded.select(list(reversed(coded.schema.names)))) == fingerprint.of(whole)


@calm
@given(rows, rows)
def test_another_row_has_another_sum(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = table([one]), table([other])
    assume(not first.equals(second))
    assert fingerprint.of(first) != fingerprint.of(second)


@calm
@given(rows, st.sampled_from(SCHEMA.names), rows)
def test_one_other_value_is_enough(one: dict[str, Any], name: str, other: dict[str, Any]) -> None:
    first, second = table([one]), table([{**one, name: other[name]}])
    assume(not first.equals(second))
    assert fingerprint.of(first) != fingerprint.of(second)


def test_values_that_change_places_are_seen() -> None:
    def quotes(*pairs: tuple[int, int]) -> pa.Table:
        return pa.table({"bid": [bid for bid, _ in pairs], "ask": [ask for _, ask in pairs]})

    sums = [quotes((1, 2), (3, 4)), quotes((1, 4), (3, 2)), quotes((2, 1), (3, 4))]
    assert len({fingerprint.of(each) for each in sums}) == 3


def test_one_nan_is_as_another() -> None:
    one = pa.table({"x": [float("nan")]})
    other = pa.table({"x": [-float("nan")]})
    assert fingerprint.of(one) == fingerprint.of(other)
    assert fingerprint.of(one) != fingerprint.of(pa.table({"x": pa.array([None], pa.float64())}))


@pytest.mark.parametrize(("number", "said"), [(0, "0" * 16), (2**64 - 1, "f" * 16)])
def test_a_checksum_is_sixteen_hex_digits(number: int, said: str) -> None:
    assert fingerprint.text(number) == said

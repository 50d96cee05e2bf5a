"""The SQL of bars as DuckDB statements."""

from decimal import ROUND_HALF_UP, Decimal
from functools import cache

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.errors import Broken
from thor.lake.query import sql

_EIGHTH = Decimal("0.00000001")


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """A DuckDB with the macros that the SQL of bars calls."""
    made = duckdb.connect()
    made.execute(
        "set timezone = 'UTC'; create schema public; create schema market; create schema reference"
    )
    for statement in sql.exact():
        made.execute(statement)
    return made


@pytest.mark.parametrize(
    ("dividend", "divisor", "quotient"),
    [
        # 1/512 = 0.001953125: the ninth decimal is a five.
        ("0.25", 128, "0.00195313"),
        ("-0.25", 128, "-0.00195313"),
        ("0.1", 256, "0.00039063"),
        ("2", 3, "0.66666667"),
        ("5000.25", 1, "5000.25000000"),
        ("900000000000.00000001", 100_000_000, "9000.00000000"),
        ("0", 7, "0.00000000"),
        ("1", 0, None),
    ],
)
def test_a_quotient_is_exact(dividend: str, divisor: int, quotient: str | None) -> None:
    asked = f"select market._quotient({dividend}::decimal(38, 8), {divisor}::bigint)"
    assert engine().sql(asked).fetchall() == [(None if quotient is None else Decimal(quotient),)]


@given(units=st.integers(-(10**17), 10**17), divisor=st.integers(1, 10**9))
def test_a_quotient_is_that_of_decimals(units: int, divisor: int) -> None:
    dividend = Decimal(units) * _EIGHTH
    asked = f"select market._quotient({dividend:f}::decimal(38, 8), {divisor}::bigint)"
    found = engine().sql(asked).fetchall()[0][0]
    assert found == (dividend / divisor).quantize(_EIGHTH, ROUND_HALF_UP)


@pytest.mark.parametrize(
    ("width", "bar_start"),
    [("1 second", "59:59"), ("1 minute", "59:00"), ("5 minutes", "55:00"), ("1 hour", "00:00")],
)
@pytest.mark.parametrize(
    "hour", ["1969-12-31 23", "1999-12-31 23", "2000-01-02 23", "2024-03-10 07"]
)
def test_a_bucket_begins_with_its_left_edge_on_both_sides_of_every_origin(
    hour: str, width: str, bar_start: str
) -> None:
    asked = f"select public.time_bucket('{width}', '{hour}:59:59.999999Z'::timestamptz)::varchar"
    assert engine().sql(asked).fetchall() == [(f"{hour}:{bar_start}+00",)]


def test_each_width_is_made_of_the_one_below() -> None:
    made = sql.aggregates()
    names = ["market.ticks", *made]
    assert names[1:] == [f"market._bars_{width}" for width in ("1s", "1m", "5m", "1h")]
    for below, text in zip(names, made.values(), strict=False):
        assert f"\nfrom {below} as " in text


def test_no_mean_of_the_views_is_left_to_doubles() -> None:
    views = list(sql.bars())
    # The rule by which one of two bars stands, and the views.
    assert len(views) == 7
    assert sum(view.count("market._quotient(") for view in views) == 10
    assert not [view for view in views if " / " in view]


def test_a_folder_without_texts_is_broken(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(Broken, match="holds no continuous aggregate"):
        sql.aggregates(tmp_path_factory.mktemp("empty"))

"""Tables of stage 10: their first rows, and what they refuse."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, DivisionByZero, ForeignKeyViolation, UniqueViolation

Connection = psycopg.Connection[Any]

# Tick, its money and the grid of the feed, as the exchanges and the feed state them.
# DX: the feed sends the cash index at 0.001, the future ticks 0.005. ZB: the feed
# quotes halves of a thirty-second.
CONTRACTS = {
    "YM": ("1", "5", "1"),
    "ES": ("0.25", "12.5", "0.25"),
    "NQ": ("0.25", "5", "0.25"),
    "RTY": ("0.1", "5", "0.1"),
    "CL": ("0.01", "10", "0.01"),
    "SI": ("0.005", "25", "0.005"),
    "HG": ("0.0005", "12.5", "0.0005"),
    "GC": ("0.1", "10", "0.1"),
    "VX": ("0.05", "50", "0.05"),
    "DX": ("0.005", "5", "0.001"),
    "ZB": ("0.03125", "31.25", "0.015625"),
}


def _instrument(connection: Connection, **values: object) -> None:
    row = {
        "symbol": "XX",
        "name": "X",
        "exchange": "X",
        "asset_class": "equity",
        "calendar": "CFE",
        "tick_size": "0.01",
        "quote_increment": "0.01",
        "multiplier": "1",
        "display_precision": 2,
        "margin": None,
        **values,
    }
    names = ", ".join(row)
    marks = ", ".join(f"%({name})s" for name in row)
    connection.execute(f"insert into instruments ({names}) values ({marks})".encode(), row)


def test_the_eleven_instruments_are_there_with_grid_and_money(undone: Connection) -> None:
    rows = undone.execute(
        "select symbol, tick_size, tick_value, quote_increment from instruments"
    ).fetchall()
    assert {symbol: tuple(values) for symbol, *values in rows} == {
        symbol: tuple(map(Decimal, values)) for symbol, values in CONTRACTS.items()
    }


def test_lists_go_by_index_futures_then_energy_and_metals_then_the_rest(
    undone: Connection,
) -> None:
    rows = undone.execute("select symbol from instruments order by sort_order").fetchall()
    assert [symbol for (symbol,) in rows] == list(CONTRACTS)


def test_only_crude_may_go_below_zero(undone: Connection) -> None:
    rows = undone.execute("select symbol from instruments where is_negative_legal").fetchall()
    assert rows == [("CL",)]


def test_every_root_is_a_series(undone: Connection) -> None:
    rows = undone.execute("select symbol, root, kind from series order by symbol").fetchall()
    assert rows == [(symbol, symbol, "root") for symbol in sorted(CONTRACTS)]


def test_a_tick_is_a_whole_number_of_quote_increments(undone: Connection) -> None:
    _instrument(undone, symbol="FINER", tick_size="0.005", quote_increment="0.001")
    with pytest.raises(CheckViolation), undone.transaction():
        _instrument(undone, tick_size="0.005", quote_increment="0.002")


@pytest.mark.parametrize("symbol", ["E", "6E", "BRK.B", "A_1", "X$", "ABCDEFGHIJKLMNOP"])
def test_a_symbol_is_capitals_digits_and_three_signs(undone: Connection, symbol: str) -> None:
    _instrument(undone, symbol=symbol)
    undone.execute(
        "insert into series (symbol, root, kind) values (%s, %s, 'root')", (symbol, symbol)
    )
    row = undone.execute("select root from series where symbol = %s", (symbol,)).fetchone()
    assert row == (symbol,)


@pytest.mark.parametrize(
    "symbol", ["", "es", "$SPX", "E'S", 'E"S', "E S", "ES\n", "É", "ABCDEFGHIJKLMNOPQ"]
)
def test_another_symbol_is_refused_as_root_and_as_series(undone: Connection, symbol: str) -> None:
    with pytest.raises(CheckViolation), undone.transaction():
        _instrument(undone, symbol=symbol)
    with pytest.raises(CheckViolation), undone.transaction():
        undone.execute(
            "insert into series (symbol, root, kind) values (%s, 'ES', 'month')", (symbol,)
        )


@pytest.mark.parametrize(
    "values",
    [
        {"tick_size": "0"},
        {"tick_size": "-0.01"},
        {"tick_size": "NaN"},
        {"quote_increment": "0"},
        {"quote_increment": "NaN"},
        {"multiplier": "0"},
        {"multiplier": "NaN"},
        {"margin": "-1"},
        {"margin": "NaN"},
        {"display_precision": -1},
    ],
    ids=str,
)
def test_a_number_that_makes_no_sense_is_refused(
    undone: Connection, values: dict[str, object]
) -> None:
    # A zero may also meet the remainder's check first.
    with pytest.raises((CheckViolation, DivisionByZero)):
        _instrument(undone, **values)


def test_a_series_belongs_to_a_listed_instrument(undone: Connection) -> None:
    with pytest.raises(ForeignKeyViolation):
        undone.execute("insert into series (symbol, root, kind) values ('ZZH4', 'ZZ', 'month')")


@pytest.mark.parametrize("source", ["EXCEL", "X", "TAPE:0123abcd"])
def test_a_source_is_a_word_or_a_tape(undone: Connection, source: str) -> None:
    undone.execute("delete from sources where source = %s", (source,))
    undone.execute(
        "insert into sources (source, kind, description) values (%s, 'tape', '')", (source,)
    )
    kept = undone.execute("select kind from sources where source = %s", (source,)).fetchone()
    assert kept == ("tape",)


@pytest.mark.parametrize(
    "source", ["", "excel", "TAPE:", "TAPE:0123ABCD", "TAPE:0123abc", "TAPE:0123abcde", "A B"]
)
def test_another_name_of_a_source_is_refused(undone: Connection, source: str) -> None:
    with pytest.raises(CheckViolation), undone.transaction():
        undone.execute(
            "insert into sources (source, kind, description) values (%s, 'tape', '')", (source,)
        )


def test_no_content_is_filed_under_two_tapes(undone: Connection) -> None:
    undone.execute(
        "insert into sources (source, kind, description) "
        "values ('TAPE:00000001', 'tape', ''), ('TAPE:00000002', 'tape', '')"
    )
    tape = (
        "insert into tapes "
        "(source, sha256, file_name, format, records, symbols, first_ts, last_ts) "
        "values (%s, repeat('0', 64), 'a.csv', 'csv', 1, '{ES}', '2024-01-02Z', '2024-01-02Z')"
    )
    undone.execute(tape, ("TAPE:00000001",))
    with pytest.raises(UniqueViolation):
        undone.execute(tape, ("TAPE:00000002",))


@pytest.mark.parametrize(
    ("opens", "closes", "regular_opens", "regular_closes"),
    [
        ("2024-01-02 01:00Z", "2024-01-02 01:00Z", None, None),
        ("2024-01-02 01:00Z", "2024-01-02 00:00Z", None, None),
        ("2024-01-02 01:00Z", "2024-01-02 09:00Z", "2024-01-02 05:00Z", "2024-01-02 04:00Z"),
    ],
)
def test_a_session_closes_after_it_opens(
    undone: Connection,
    opens: str,
    closes: str,
    regular_opens: str | None,
    regular_closes: str | None,
) -> None:
    with pytest.raises(CheckViolation), undone.transaction():
        undone.execute(
            "insert into sessions (calendar, trade_date, session_number, open_at, close_at, "
            "regular_open_at, regular_close_at) values ('CFE', '2024-01-02', 1, %s, %s, %s, %s)",
            (opens, closes, regular_opens, regular_closes),
        )


@pytest.mark.parametrize(
    ("is_closed", "opens"), [(True, "2024-01-02 01:00Z"), (False, None)], ids=["both", "neither"]
)
def test_an_override_closes_the_day_or_moves_its_hours(
    undone: Connection, is_closed: bool, opens: str | None
) -> None:
    with pytest.raises(CheckViolation), undone.transaction():
        undone.execute(
            "insert into session_overrides (calendar, trade_date, is_closed, open_at, note) "
            "values ('CFE', '2024-01-02', %s, %s, 'a test')",
            (is_closed, opens),
        )

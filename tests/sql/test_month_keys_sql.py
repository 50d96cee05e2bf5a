"""The migration that keys months by their year: each record is renamed by its own date."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from thor.database.edition import Edition

Link = psycopg.Connection[Any]
FILE = Path(__file__).parents[2] / "db/migrations/versions/0011_month_keys.sql"
WIDTHS = ("1s", "1m", "5m", "1h", "1d")
# March 2014 and March 2024 under one code, gold of April, and a tape filed under its root.
BEFORE = """
insert into reference.series (symbol, root, kind)
values ('ESH4', 'ES', 'month'), ('GCJ4', 'GC', 'month');
insert into reference.sources (source, kind, description)
values ('TAPE:00000001', 'tape', 'one'), ('TAPE:00000002', 'tape', 'two');
insert into reference.tapes
(source, sha256, file_name, format, records, symbols, first_ts, last_ts)
values
('TAPE:00000001', repeat('1', 64), 'one', 'csv', 3, '{ESH4}', '2024-03-08 15:00Z',
 '2024-03-08 15:01Z'),
('TAPE:00000002', repeat('2', 64), 'two', 'csv', 1, '{ES}', '2023-12-25 15:00Z',
 '2023-12-25 15:00Z');
insert into market.ticks
(ts, symbol, seq, source, contract, last, volume_delta, is_trade, is_sampled, received_at)
values
('2014-03-20 15:00:00Z', 'ESH4', 0, 'TAPE:00000001', 'ESH4', 1860, 1, true, false,
 '2014-03-20 15:00:00Z'),
('2014-03-31 23:59:59Z', 'ESH4', 1, 'TAPE:00000001', 'ESH4', 1861, 2, true, false,
 '2014-03-31 23:59:59Z'),
('2024-03-08 15:00:00Z', 'ESH4', 2, 'TAPE:00000001', 'ESH4', 5100, 4, true, false,
 '2024-03-08 15:00:00Z'),
('2024-04-01 00:00:00Z', 'GCJ4', 3, 'TAPE:00000001', 'GCJ4', 2200, 8, true, false,
 '2024-04-01 00:00:00Z'),
('2023-12-25 15:00:00Z', 'ES', 0, 'TAPE:00000002', 'ESH4', 4800, 16, true, false,
 '2023-12-25 15:00:00Z');
insert into market.gaps (symbol, source, trade_date, gap_start, gap_end, cause)
values ('ESH4', 'TAPE:00000001', '2024-03-08', '2024-03-08 15:00Z', '2024-03-08 16:00Z',
        'source silent');
insert into market.last_values
(symbol, trade_date, first_ts, ts, seq, source, received_at, contract)
values ('ESH4', '2024-03-08', '2024-03-08 15:00Z', '2024-03-08 15:00Z', 2, 'TAPE:00000001',
        '2024-03-08 15:00Z', 'ESH4');
insert into reference.rolls (root, rule, rolled_at, from_contract, to_contract)
values ('ES', 'mine', '2024-03-10 22:00Z', null, 'ESH4');
"""
IMPORTED = """
insert into market.bar_files
(file, sha256, file_name, format, records, symbols, widths, first_bar, last_bar)
values ('BARS:00000001', repeat('1', 64), 'a', 'csv', 2, '{NQH5,NQH25}', '{1d}',
        '2025-03-02 23:00Z', '2025-03-03 23:00Z');
insert into reference.series (symbol, root, kind)
values ('NQH5', 'NQ', 'month'), ('NQH25', 'NQ', 'month');
insert into market.bars_imported
(symbol, width, bar_start, open, high, low, close, volume, file)
values ('NQH5', '1d', '2025-03-02 23:00Z', 1, 1, 1, 1, 1, 'BARS:00000001'),
       ('NQH25', '1d', '{second}', 1, 1, 1, 1, 1, 'BARS:00000001');
"""


def rename(link: Link) -> list[str]:
    """Run the part of the migration that renames; returns its warnings."""
    warnings: list[str] = []
    link.add_notice_handler(lambda said: warnings.append(said.message_primary or ""))
    text = FILE.read_text()
    link.execute(text[text.index("do $$") :].encode())
    return warnings


def counted(link: Link, query: str) -> dict[str, int]:
    return dict(link.execute(query.encode()).fetchall())


@pytest.fixture
def old(connection: Link, edition: Edition) -> Link:
    """A database in which months stand under one digit, on timescale in columnstore."""
    connection.execute(BEFORE.encode())
    if edition == "timescale":
        for width in WIDTHS[:-1]:
            connection.execute(
                f"call public.refresh_continuous_aggregate('market._bars_{width}', null, "
                "'2024-04-02 00:00Z')".encode()
            )
        connection.execute(
            "select public.compress_chunk(c) from public.show_chunks('market.ticks') as c"
        )
        connection.execute(
            "select public.compress_chunk(c) from public.show_chunks('market._bars_1m') as c"
        )
    return connection


def test_each_record_stands_under_the_month_that_it_was_of(old: Link) -> None:
    assert rename(old) == []
    found = old.execute(
        "select symbol, contract, sum(volume_delta)::integer from market.ticks group by 1, 2 "
        "order by 1"
    ).fetchall()
    assert found == [
        ("ES", "ESH24", 16), ("ESH14", "ESH14", 3), ("ESH24", "ESH24", 4), ("GCJ24", "GCJ24", 8),
    ]  # fmt: skip
    for width in WIDTHS:
        volumes = f"select symbol, sum(volume)::integer from market.bars_{width} group by 1"
        assert counted(old, volumes) == {"ES": 16, "ESH14": 3, "ESH24": 4, "GCJ24": 8}, width
    months = "select symbol from reference.series where kind = 'month' order by 1"
    assert [row[0] for row in old.execute(months.encode())] == ["ESH14", "ESH24", "GCJ24"]
    for text in (
        "select symbol from market.gaps",
        "select to_contract from reference.rolls",
        "select symbol from market.last_values where trade_date = '2024-03-08'",
        "select symbols[1] from reference.tapes where source = 'TAPE:00000001'",
    ):
        assert old.execute(text.encode()).fetchone() == ("ESH24",), text


def test_renaming_twice_changes_nothing_more(old: Link) -> None:
    text = "select t::text from market.ticks as t order by 1"
    rename(old)
    before = old.execute(text).fetchall()
    assert rename(old) == []
    assert old.execute(text).fetchall() == before


def test_two_names_of_one_month_become_one_where_their_bars_do_not_meet(connection: Link) -> None:
    connection.execute(IMPORTED.replace("{second}", "2025-03-03 23:00Z").encode())
    assert rename(connection) == []
    bars = "select symbol, count(*)::integer from market.bars_imported group by 1"
    assert counted(connection, bars) == {"NQH25": 2}
    assert (
        connection.execute("select * from reference.series where symbol = 'NQH5'").fetchall() == []
    )


def test_what_would_meet_another_bar_is_named_and_left(connection: Link) -> None:
    connection.execute(IMPORTED.replace("{second}", "2025-03-02 23:00Z").encode())
    assert rename(connection) == [
        "NQH5 of 2015-04-01 to 2025-04-01 stays as it is: NQH25 has records of the same moments"
    ]
    bars = "select symbol, count(*)::integer from market.bars_imported group by 1"
    assert counted(connection, bars) == {"NQH25": 1, "NQH5": 1}


def test_a_three_month_rate_is_named_by_the_month_in_which_it_begins(connection: Link) -> None:
    connection.execute(
        "insert into reference.instruments (symbol, name, exchange, asset_class, calendar, "
        "tick_size, quote_increment, multiplier, display_precision) "
        "values ('SR3', 'SOFR', 'CME', 'rates', 'CME_RATES', 0.0025, 0.0025, 2500, 4)"
    )
    connection.execute("insert into reference.series values ('SR3H4', 'SR3', 'month')")
    connection.execute(
        "insert into market.ticks (ts, symbol, seq, source, last, is_trade, is_sampled, "
        "received_at) values ('2024-05-02 15:00Z', 'SR3H4', 0, 'SIM', 94, true, false, now())"
    )
    assert rename(connection) == []
    assert connection.execute("select symbol from market.ticks").fetchone() == ("SR3H24",)

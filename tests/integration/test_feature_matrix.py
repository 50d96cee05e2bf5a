"""The matrix, the newest rows of it, and the catalogue of what is in it."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from features_made import FAMILIES, WIDTHS, fill_store, made_bars, put_bars, put_sessions

Link = psycopg.Connection[Any]
BARS = 400


@pytest.fixture
def link(connection: Link) -> Iterator[Link]:
    """A database with bars of two symbols, whose newest begin at different moments."""
    put_sessions(connection, ("CME_EQUITY",))
    for symbol, bars in (("ES", BARS), ("NQ", BARS - 50)):
        put_bars(connection, made_bars(5, symbol, "1m", bars))
    fill_store(connection)
    return connection


def rows(link: Link, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return link.execute(query.encode(), values).fetchall()


def test_the_catalogue_describes_every_feature_at_every_width(link: Link) -> None:
    found = rows(link, "select family, width, name, unit, definition, look_back, source "
                       "from feat.catalogue")  # fmt: skip
    assert {(family, width) for family, width, *_ in found} == {
        (family, width) for family in FAMILIES for width in WIDTHS
    }
    assert all(all(words) for words in found)
    columns = rows(
        link,
        "select replace(table_name, '_1m', ''), column_name from information_schema.columns "
        "where table_schema = 'feat' and right(table_name, 3) = '_1m' "
        "and table_name <> 'matrix_1m' "
        "and column_name not in ('symbol', 'bar_start', 'known_at')",
    )
    assert {(family, name) for family, width, name, *_ in found if width == "1m"} == set(columns)
    # A name means the same everywhere.
    assert len({name for _, name in columns}) == len(columns)


def test_the_matrix_holds_every_feature_of_every_bar_once(link: Link) -> None:
    assert rows(
        link, "select count(*), count(distinct (symbol, bar_start)) from feat.matrix_1m"
    ) == [(2 * BARS - 50, 2 * BARS - 50)]
    names = {name for (name,) in rows(link, "select distinct name from feat.catalogue")}
    columns = rows(
        link, "select column_name from information_schema.columns "
        "where table_schema = 'feat' and table_name = 'matrix_1m'",
    )  # fmt: skip
    assert {name for (name,) in columns} == names | {"symbol", "bar_start", "known_at"}
    (row,) = rows(link, "select r.return_1, m.return_1, t.ema_9, m.ema_9 from feat.matrix_1m as m "
                        "join feat.returns_1m as r using (symbol, bar_start) "
                        "join feat.trend_1m as t using (symbol, bar_start) "
                        "where m.symbol = 'ES' order by m.bar_start desc limit 1")  # fmt: skip
    assert row[0] == row[1] is not None
    assert row[2] == row[3] is not None


def test_the_latest_rows_are_those_that_were_known_at_the_moment(link: Link) -> None:
    for symbol in ("ES", "NQ"):
        newest, before = rows(
            link, "select bar_start, known_at from market.bars_1m where symbol = %s "
            "order by bar_start desc limit 2", symbol,
        )  # fmt: skip
        for as_of, known in ((newest[1], newest[0]), (before[1], before[0])):
            found = rows(
                link, "select bar_start, ema_200, rsi_14 from feat.latest('1m', %s) "
                "where symbol = %s", as_of, symbol,
            )  # fmt: skip
            whole = rows(
                link, "select bar_start, ema_200, rsi_14 from feat.matrix_1m "
                "where symbol = %s and bar_start = %s", symbol, known,
            )  # fmt: skip
            assert found == [(known, pytest.approx(whole[0][1]), pytest.approx(whole[0][2]))]


def test_series_whose_newest_bars_differ_each_get_the_row_of_their_own(link: Link) -> None:
    for symbol, missing in (("YM", 2), ("RTY", 7), ("GC", 180)):
        put_bars(link, made_bars(5, symbol, "1m", BARS - missing))
    fill_store(link)
    for (as_of,) in rows(
        link, "select known_at from market.bars_1m where symbol = 'ES' "
        "order by bar_start desc limit 150 offset 5",
    )[::29]:  # fmt: skip
        found = rows(link, "select * from feat.latest('1m', %s) order by symbol", as_of)
        known = rows(
            link, "select distinct on (symbol) * from feat.matrix_1m where known_at <= %s "
            "order by symbol, bar_start desc", as_of,
        )  # fmt: skip
        assert [row[0] for row in found] == ["ES", "GC", "NQ", "RTY", "YM"]
        assert [row[:3] for row in found] == [row[:3] for row in known]
        for one, other in zip(found, known, strict=True):
            assert list(one[3:]) == [
                pytest.approx(value, rel=1e-9, abs=1e-9) if value is not None else None
                for value in other[3:]
            ]


def test_a_width_that_is_none_is_refused_by_name(link: Link) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="width: 2m: take 1m, 5m or 1h"):
        rows(link, "select * from feat.matrix('2m', null, '-infinity', 'infinity')")

"""A few ticks do not replace a vendor's bar: whose bar stands is one rule, at every width."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bars_written import Stream, caught_up, write
from ticks_made import rows, tick, value

from thor.flow.import_bars import import_bars
from thor.market.collect.files.bar_tape import open_bars

pytestmark = pytest.mark.editions("plain", "timescale")

Link = psycopg.Connection[Any]

# Tuesday, 9 July 2024; each bar of the file begins here but the day's, at 22:00 of the day before.
T = datetime(2024, 7, 9, 14, 0, tzinfo=UTC)
LENGTHS = {
    "1s": timedelta(seconds=1), "1m": timedelta(minutes=1), "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1), "1d": timedelta(hours=24),
}  # fmt: skip
HEAD = "symbol,ts,interval,open,high,low,close,volume,n_trades"


def import_(link: Link, folder: Path, *lines: str) -> None:
    path = folder / f"{len(list(folder.iterdir()))}.csv"
    path.write_text("\n".join([HEAD, *lines]) + "\n")
    import_bars(link, open_bars(path))


def vendor(width: str, volume: str = "100", trades: str = "", symbol: str = "ES") -> str:
    ts = "2024-07-09T00:00:00Z" if width == "1d" else f"{T:%Y-%m-%dT%H:%M:%SZ}"
    return f"{symbol},{ts},{width},5000,5010,4990,5005,{volume},{trades}"


def start(width: str) -> datetime:
    return datetime(2024, 7, 8, 22, tzinfo=UTC) if width == "1d" else T


def ticks(width: str, count: int, size: int | None, share: float = 1.0, **given: Any) -> list[Any]:
    """Return trades spread over a share of the bar, from its start on."""
    step = LENGTHS[width] * share / max(count, 1)
    return [
        tick(
            **{
                "ts": start(width) + n * step, "seq": n, "last": Decimal(5001),
                "last_size": size, "volume_delta": size, **given,
            }
        )
        for n in range(count)
    ]  # fmt: skip


def shown(link: Link, width: str, symbol: str = "ES") -> dict[str, Any]:
    found = rows(
        link,
        f"select is_imported, volume, trades, close from bars_{width}"
        " where symbol = %s and bar_start = %s",
        symbol,
        start(width),
    )
    assert len(found) == 1
    return found[0]


def written(url: str, link: Link, found: list[Any]) -> None:
    stream = Stream()
    write(url, [[stream.entry(found)]])
    caught_up(link)


@pytest.mark.parametrize("width", LENGTHS)
@pytest.mark.parametrize(
    ("count", "size", "is_imported"),
    [(1, 1, True), (4, 22, True), (5, 18, False), (10, 10, False), (10, 12, False)],
    ids=["one lot", "88 of 100", "90 of 100", "all", "more"],
)
def test_by_volume_nine_tenths_of_the_vendor_s_cover_a_bar(
    database_url: str, connection: Link, tmp_path: Path, width: str, count: int, size: int,
    is_imported: bool,
) -> None:  # fmt: skip
    import_(connection, tmp_path, vendor(width))
    written(database_url, connection, ticks(width, count, size))
    bar = shown(connection, width)
    assert bar["is_imported"] is is_imported
    assert bar["volume"] == (100 if is_imported else count * size)
    assert bar["close"] == (5005 if is_imported else 5001)


@pytest.mark.parametrize(
    ("trades", "count", "size", "is_imported"),
    [("20", 10, 10, True), ("11", 10, 10, False), ("10", 9, None, False), ("11", 9, None, True)],
    ids=["half the trades", "ten of eleven", "nine of ten, no sizes", "nine of eleven, no sizes"],
)
def test_where_trades_are_known_they_are_counted_too(
    database_url: str, connection: Link, tmp_path: Path, trades: str, count: int,
    size: int | None, is_imported: bool,
) -> None:  # fmt: skip
    import_(connection, tmp_path, vendor("1m", trades=trades))
    written(database_url, connection, ticks("1m", count, size))
    assert shown(connection, "1m")["is_imported"] is is_imported


@pytest.mark.parametrize("width", ["1m", "5m", "1h", "1d"])
@pytest.mark.parametrize(("share", "is_imported"), [(0.5, True), (0.9, False)])
def test_where_nothing_can_be_counted_the_time_that_trades_span_decides(
    database_url: str, connection: Link, tmp_path: Path, width: str, share: float,
    is_imported: bool,
) -> None:  # fmt: skip
    import_(connection, tmp_path, vendor(width))
    written(database_url, connection, ticks(width, 200, None, share))
    assert shown(connection, width)["is_imported"] is is_imported


def test_quotes_alone_cover_no_bar_that_traded(
    database_url: str, connection: Link, tmp_path: Path
) -> None:
    import_(connection, tmp_path, vendor("1m"))
    quotes = ticks("1m", 50, None, is_trade=False, last=None, bid=Decimal(5000))
    written(database_url, connection, quotes)
    assert shown(connection, "1m")["is_imported"]


def test_ticks_stand_where_they_are_all_there_is(
    database_url: str, connection: Link, tmp_path: Path
) -> None:
    import_(connection, tmp_path, vendor("1m", symbol="NQ"))
    written(database_url, connection, ticks("1m", 1, 1))
    for width in ("1m", "5m", "1h"):
        assert shown(connection, width) == {
            "is_imported": False, "volume": 1, "trades": 1, "close": 5001
        }  # fmt: skip


@pytest.fixture
def faults(data: Path) -> Path:
    """Small files that a fault was shown with."""
    return data / "faults"


def test_one_tick_of_a_day_does_not_replace_the_vendor_s(
    database_url: str, connection: Link, faults: Path
) -> None:
    import_bars(connection, open_bars(faults / "51_daily_then_one_tick.csv"))
    one = tick(
        symbol="RTY", ts=datetime(2024, 3, 8, 22, 59, 59, 999999, tzinfo=UTC),
        last=Decimal("2000.1"), last_size=1, volume_delta=1,
    )  # fmt: skip
    written(database_url, connection, [one])
    query = "select volume from bars_1d where symbol = 'RTY' and trade_date = '2024-03-08'"
    assert value(connection, query) == 200_000
    # What the ticks made of it can be seen, and that it does not stand.
    found = rows(
        connection,
        "select distinct field, imported, computed, is_partial"
        " from bars_compared('1d', 'RTY', null, null) where field = 'volume'",
    )
    assert found == [{"field": "volume", "imported": 200_000, "computed": 1, "is_partial": True}]


def test_a_day_s_sums_count_a_minute_of_both_once(
    database_url: str, connection: Link, tmp_path: Path
) -> None:
    minute = "ES,2024-07-09T14:0{}:00Z,1m,5000,5010,4990,5005,{},"
    lines = [minute.format(n, volume) for n, volume in ((0, 100), (1, 200), (2, 400))]
    import_(connection, tmp_path, *lines)
    # One lot in the first of these minutes, and 190 of 200 in the second; ticks are at 5001.
    second = [
        tick(
            ts=T + timedelta(seconds=60 + n), seq=10 + n, last=Decimal(5001), last_size=19,
            volume_delta=19,
        )
        for n in range(10)
    ]  # fmt: skip
    written(database_url, connection, [*ticks("1m", 1, 1), *second])
    found = rows(connection, "select * from day_sums('{ES}', '2024-07-09', '2024-07-09 15:00:00Z')")
    # 100 and 400 of the vendor, at (5010 + 4990 + 5005) / 3, and the ticks' 190.
    vwap = (500 * Decimal(15005) / 3 + 190 * Decimal(5001)) / 690
    assert found == [
        {
            "symbol": "ES", "open": 5000, "high": 5010, "low": 4990, "volume": 690,
            "vwap": round(vwap, 8),
        }
    ]  # fmt: skip

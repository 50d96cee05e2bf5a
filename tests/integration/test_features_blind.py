"""No feature computed from ticks sees later ones: whether they are deleted or changed."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from features_made import TICKS_FROM, TICKS_TO, made_bars, made_ticks, put_bars, put_ticks

from thor.market.bars import refresh

Link = psycopg.Connection[Any]
HOUR = timedelta(hours=1)
# Inside a second, at the end of a minute, and inside an hour.
CUTS = (
    datetime(2024, 3, 11, 11, 34, 56, 400_000, tzinfo=UTC),
    datetime(2024, 3, 11, 11, 20, tzinfo=UTC),
    datetime(2024, 3, 11, 10, 1, 30, tzinfo=UTC),
)
LATER = {
    "deleted": "delete from market.ticks where ts > %(cut)s",
    "changed": (
        "update market.ticks set last = last + 40, bid = bid - 3, ask = ask + 5, bid_size = 7,"
        " ask_size = 1, volume_delta = volume_delta + 3, is_trade = last is not null,"
        " side = case side when 'B' then 'S' else 'B' end where ts > %(cut)s"
    ),
}


@pytest.fixture
def link(connection: Link) -> Iterator[Link]:
    """A database with six hours of ticks of the index futures, after days of imported bars."""
    for symbol in ("ES", "NQ", "YM", "RTY"):
        rows = (row for row in made_bars(5, symbol, "1m", 3600) if row[2] < TICKS_FROM)
        put_bars(connection, rows)
        put_ticks(connection, made_ticks(5, symbol, 4500))
    refresh.renew(connection, TICKS_FROM, TICKS_TO + HOUR)
    return connection


def known(link: Link, cut: datetime) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return the rows of the matrix that are known at a moment, of the two hours before it."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for width, hours in (("1m", 2), ("5m", 2), ("1h", 40)):
        rows = link.execute(
            f"select * from feat.matrix('{width}', null, %s, 'infinity')"
            " where known_at <= %s".encode(),
            [cut - hours * HOUR, cut],
        ).fetchall()
        found |= {
            (width, *row[:3]): tuple(math.nan if value is None else value for value in row[3:])
            for row in rows
        }
    return found


@pytest.mark.parametrize("how", LATER)
def test_no_feature_sees_ticks_that_come_later(link: Link, how: str) -> None:
    # The latest cut first: rows after an earlier one are gone by then, or changed again.
    for cut in CUTS:
        before = known(link, cut)
        assert len(before) > 400
        assert link.execute(LATER[how].encode(), {"cut": cut}).rowcount > 100
        refresh.renew(link, TICKS_FROM, TICKS_TO + HOUR)
        after = known(link, cut)
        assert after.keys() == before.keys()
        # Rows come in another order where there are fewer: sums differ in their last digits.
        for key, row in after.items():
            assert row == pytest.approx(before[key], rel=1e-9, abs=1e-12, nan_ok=True), key

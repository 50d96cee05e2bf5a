"""While late ticks come in, every closed bar of every width is there at every look.

The clock is simulated: a feed of a day of 2023, the policies at the phases that they would
have, late ticks of seconds to minutes, and a look after each single refresh of the keeper.
"""

import itertools
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from bars_written import Stream, caught_up, write
from ticks_made import rows, tick

from thor.domain.tick import Tick
from thor.market.bars import refresh

Link = psycopg.Connection[Any]

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
# Tuesday, some minutes before a full hour: the trials go over two of them.
BEGIN = datetime(2023, 7, 11, 12, 0, tzinfo=UTC)
SYMBOLS = ("ES", "NQ", "CL")
# How far behind the newest tick each policy stays, and how often it comes.
POLICIES = {
    "1s": (HOUR, 6 * SECOND, 2 * SECOND),
    "1m": (3 * HOUR, MINUTE, 30 * SECOND),
    "5m": (12 * HOUR, 5 * MINUTE, MINUTE),
    "1h": (3 * 24 * HOUR, HOUR, 5 * MINUTE),
}
MISSING = """
select '{width}' as width, t.symbol, min(t.bar_start) as first, count(*) as bars
from (
    select distinct symbol, date_bin('{length}', ts, timestamptz 'epoch') as bar_start
    from market.ticks
    where ts >= {since} and ts < date_bin('{length}', {now}, timestamptz 'epoch')
) as t
where not exists (
    select from market.bars_{width} as b
    where b.symbol = t.symbol and b.bar_start = t.bar_start and b.bar_start >= {since}
)
group by t.symbol
"""
LENGTHS = {"1s": "1 second", "1m": "1 minute", "5m": "5 minutes", "1h": "1 hour"}


class Market:
    """A feed whose time goes on by hand, with the policies of the bars beside it."""

    def __init__(self, url: str, link: Link) -> None:
        self.url, self.link, self.stream = url, link, Stream()
        self.now = BEGIN
        self.looks = 0
        self._seqs = itertools.count()
        self._next = dict.fromkeys(POLICIES, BEGIN)

    def feed(self, until: datetime) -> None:
        """Write what happened until then, on time."""
        ticks = []
        while self.now < until:
            ticks += [self._tick(symbol, self.now) for symbol in SYMBOLS]
            self.now += 4 * SECOND
        write(self.url, [[self.stream.entry(ticks)]])
        # The simulated ticks are on time: what only their age makes stale is not.
        self.link.execute(b"delete from market.bars_to_refresh")

    def run_due(self) -> None:
        """Run each policy that is due, from the finest width to the widest."""
        for width, (reach, end, every) in POLICIES.items():
            if self._next[width] <= self.now:
                self._next[width] = self.now + every
                self.link.execute(
                    f"call refresh_continuous_aggregate('_bars_{width}', %s, %s)".encode(),
                    (self.now - reach, self.now - end),
                )

    def late(self, age: timedelta) -> None:
        """Write one ES tick that is so old."""
        one = self._tick("ES", self.now - age)
        write(self.url, [[self.stream.entry([one])]])

    def missing(self, since: datetime | None = None) -> list[dict[str, Any]]:
        """Return what closed bars are not to be seen now, of the last hour or since then."""
        self.looks += 1
        since = since or (self.now - HOUR).replace(minute=0, second=0, microsecond=0)
        span = {"since": f"'{since}'::timestamptz", "now": f"'{self.now}'::timestamptz"}
        return [
            row
            for width, length in LENGTHS.items()
            for row in rows(self.link, MISSING.format(width=width, length=length, **span))
        ]

    def _tick(self, symbol: str, ts: datetime) -> Tick:
        n = next(self._seqs)
        return tick(
            symbol=symbol, ts=ts, seq=n, last=Decimal(20_000 + n % 37) / 4, volume_delta=1 + n % 3
        )


@pytest.fixture
def market(database_url: str, connection: Link, monkeypatch: pytest.MonkeyPatch) -> Market:
    """A market whose keeper lives in its time, and that is looked at after each refresh."""
    made = Market(database_url, connection)
    one_refresh = refresh._refresh

    def looked_at(*given: Any, **named: Any) -> None:
        one_refresh(*given, **named)
        assert made.missing() == []

    monkeypatch.setattr(refresh, "_refresh", looked_at)
    monkeypatch.setattr(refresh, "server_now", lambda _: made.now)
    return made


@pytest.mark.editions("timescale")
def test_a_late_tick_hides_no_closed_bar_of_any_width_at_any_look(market: Market) -> None:
    chance = random.Random(15)
    market.feed(BEGIN + 40 * MINUTE)
    market.run_due()
    for _ in range(25):
        # To any phase of the policies, and now and then over the full hour.
        for _ in range(chance.choice([1, 1, 2])):
            market.feed(market.now + timedelta(seconds=chance.uniform(5, 200)))
            market.run_due()
        assert market.missing() == []
        market.late(timedelta(seconds=chance.uniform(5, 600)))
        caught_up(market.link)
        assert market.missing() == []
    market.feed(market.now + 11 * SECOND)
    caught_up(market.link)
    assert market.stream.wrong(market.link) == []
    assert market.looks > 75


@pytest.mark.editions("timescale")
@pytest.mark.parametrize(
    ("phase", "to", "age"),
    [(15, 60 + 39, 95), (20, 5 * 60 + 15, 130), (250, 3600 + 20, 40)],
    ids=["a minute", "five minutes", "the full hour"],
)
def test_a_bar_that_no_policy_stored_yet_stays_when_the_one_after_it_is_made_right(
    market: Market, phase: int, to: int, age: int
) -> None:
    # What came since the policies' last run is read from the ticks.
    while market.now < BEGIN + 3 * HOUR:
        market.feed(market.now + 20 * MINUTE)
        market.run_due()
    market.feed(BEGIN + 3 * HOUR + phase * SECOND)
    market.run_due()
    assert market.missing() == []
    market.feed(BEGIN + 3 * HOUR + to * SECOND)
    assert market.missing() == []
    market.late(age * SECOND)
    caught_up(market.link)
    assert market.missing() == []


@pytest.mark.editions("timescale")
def test_what_a_policy_stepped_over_after_a_long_stop_is_brought_back(market: Market) -> None:
    market.feed(BEGIN + 40 * MINUTE)
    market.run_due()
    # What comes within a policy's end is stored by its next run, but that never comes: when
    # everything starts again its window begins after it.
    market.feed(market.now + 20 * SECOND)
    market.now += 80 * MINUTE
    market.feed(market.now + MINUTE)
    market.run_due()
    hidden = market.missing(since=BEGIN)
    assert {row["width"] for row in hidden} >= {"1s"}
    caught_up(market.link)
    assert market.missing(since=BEGIN) == []
    assert market.stream.wrong(market.link) == []

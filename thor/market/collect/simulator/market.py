"""Simulate the market: seeded ticks of correlated futures that keep the exchange's hours.

Stage 20, collect. Takes instruments, sessions and a seed; gives `Tick`s on its own clock.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from thor.domain.instrument import Instrument
from thor.domain.sessions import Sessions
from thor.domain.tick import Tick
from thor.errors import Rejected
from thor.market.collect.collector import Step
from thor.market.collect.simulator.hours import (
    EPOCH,
    PEAK_ACTIVITY,
    SessionPhase,
    epoch_us,
    phase_at,
)
from thor.market.collect.simulator.instruments import PROFILES, correlation

SOURCE = "SIM"
TICKS_MAX = 1000
_SECOND_US = 1_000_000
# A year of volatility is spent over 252 sessions of 23 hours, at the mean activity of a session.
YEAR_S = 252 * 23 * 3600
MEAN_ACTIVITY = 0.4
# Prices revert to their start with a half-life of 20 sessions, so a demonstration may run for
# months.
PULL_PER_S = math.log(2) / (20 * 23 * 3600)
TRADE_SHARE = 0.25
_PRICES_MAX = 65_536
# The symbol whose last minute leads, and the one whose next minute it leads.
LEADER, FOLLOWER = "NQ", "ES"
_MINUTE_US = 60 * _SECOND_US
# Symbol, microseconds into the step, bid, ask and their sizes, print or quote, side, last size.
_Row = tuple[int, int, int, int, int, int, bool, bool, int]


class Simulator:
    """An endless market on its own clock: `received_at` is `ts`, it reads no real clock.

    Quotes carry both sides with their sizes and no last; prints carry last, its size and the
    aggressor's side, and the bid and ask that they met. `symbol` is the root and `contract` null,
    since a simulated market has no months. `volume` counts from the session's opening, or from the
    start where that came later, see `carry_volumes`. The same arguments give the same ticks.

    With a `pattern` above 0 there is something to learn: the sign of NQ's move in the last whole
    minute moves ES in the next, by that share of a minute's standard deviation of ES, spread evenly
    over it.
    """

    source = SOURCE

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        sessions: Sessions,
        seed: int,
        start: datetime,
        ticks_per_s: float,
        *,
        last_prices: Mapping[str, Decimal] | None = None,
        pattern: float = 0.0,
        always_open: bool = False,
    ) -> None:
        """Take what to trade and when; `ticks_per_s` is the regular hours' mean over all symbols.

        `last_prices` by symbol continue an earlier market. `always_open` ignores closures, for
        demonstrations. Raises `Rejected` for impossible values and `NotFound` for a calendar
        without sessions.
        """
        if not instruments:
            raise Rejected("instruments: there are none; list at least one")
        if unknown := sorted(set(instruments) - set(PROFILES)):
            raise Rejected(
                f"instruments: {', '.join(unknown)} cannot be simulated; {', '.join(PROFILES)} can"
            )
        if start.tzinfo is None:
            raise Rejected(f"start: {start.isoformat()} has no time zone; give it one, best UTC")
        if not (math.isfinite(ticks_per_s) and ticks_per_s > 0):
            raise Rejected(f"ticks_per_s: {ticks_per_s} has to be a number above 0")
        if seed < 0:
            raise Rejected(f"seed: {seed} has to be 0 or more")
        if not 0 <= pattern <= 1:
            raise Rejected(f"pattern: {pattern} has to be 0 to 1")
        self._sessions = sessions
        self._always_open = always_open
        self._random = np.random.default_rng(seed)
        self._now_us = epoch_us(start)
        self._seq = -1
        self._step_us = _step_us(ticks_per_s)

        listed = sorted(instruments.values(), key=lambda row: (row.sort_order, row.symbol))
        profiles = [PROFILES[row.symbol] for row in listed]
        self._symbols = [row.symbol for row in listed]
        self._increments = [row.quote_increment for row in listed]
        self._prices: list[dict[int, Decimal]] = [{} for _ in listed]
        self._volumes = [0] * len(listed)
        self._calendars = sorted({row.calendar for row in listed})
        self._calendar_of = np.array([self._calendars.index(row.calendar) for row in listed])
        self._phases = [self._phase(calendar) for calendar in self._calendars]

        self._rates = rates_per_s(self._symbols, ticks_per_s)
        self._sigma = np.array([one.annual_volatility for one in profiles]) / YEAR_S**0.5
        self._factor = np.linalg.cholesky(correlation(self._symbols))
        self._tick_increments = np.array(
            [int(row.tick_size / row.quote_increment) for row in listed]
        )
        self._spread_ticks = np.array([one.spread_ticks for one in profiles])
        self._quote_size = np.array([one.quote_size for one in profiles])
        self._trade_size = np.array([one.trade_size for one in profiles])
        increments = np.array([float(increment) for increment in self._increments])
        self._home = np.log(np.array([one.price for one in profiles]) / increments)
        self._level = self._home.copy()
        for index, symbol in enumerate(self._symbols):
            last = (last_prices or {}).get(symbol)
            # The walk is in logarithms: it cannot go on from a price at or below zero.
            if last is not None and last.is_finite() and last > 0:
                self._level[index] = math.log(float(last) / increments[index])

        has_both = {LEADER, FOLLOWER} <= set(self._symbols)
        self._pattern = pattern if has_both else 0.0
        self._leader, self._follower = (
            (self._symbols.index(LEADER), self._symbols.index(FOLLOWER)) if has_both else (0, 0)
        )
        self._minute = self._now_us // _MINUTE_US
        self._led_from, self._sign = float("nan"), 0.0

    def carry_volumes(self, volumes: Mapping[str, int]) -> None:
        """Continue each symbol's volume from the trade date's volume before the start."""
        self._volumes = [
            volumes.get(symbol, volume)
            for symbol, volume in zip(self._symbols, self._volumes, strict=True)
        ]

    @property
    def prices(self) -> dict[str, Decimal]:
        """The market's prices by symbol, in points, on the grid of its quotes."""
        return {
            symbol: increment * max(round(math.exp(level)), 1)
            for symbol, increment, level in zip(
                self._symbols, self._increments, self._level.tolist(), strict=True
            )
        }

    def steps(self) -> Iterator[Step]:
        """Yield the next step, for ever: at most 1,000 ticks in order, often none.

        A step has the ticks before its `at`, the simulated clock's new instant. It is 100 ms
        of market time, less at high rates and up to a second at low ones or where every market
        is closed; it never crosses an opening or close.
        """
        while True:
            phases = self._turn()
            until_us = min(phase.until_us for phase in phases)
            if any(phase.is_open for phase in phases):
                end_us = min(self._now_us + self._step_us, until_us)
                if self._pattern:
                    # A step lies within one minute; the minute's move is measured when it is over.
                    end_us = min(end_us, self._minute_end())
                ticks = self._trade(phases, end_us)
            else:
                end_us = min(self._now_us + _SECOND_US, until_us)
                ticks = []
            self._now_us = end_us
            at = EPOCH + timedelta(microseconds=end_us)
            yield Step(at, ticks, seen=self._symbols, due_s=None)

    def _minute_end(self) -> int:
        minute = self._now_us // _MINUTE_US
        if minute != self._minute:
            level = float(self._level[self._leader])
            moved = level - self._led_from if minute == self._minute + 1 else 0.0
            self._sign = float(np.sign(moved)) if math.isfinite(moved) else 0.0
            self._minute, self._led_from = minute, level
        return (minute + 1) * _MINUTE_US

    def _turn(self) -> list[SessionPhase]:
        for index, phase in enumerate(self._phases):
            if phase.until_us <= self._now_us:
                turned = self._phases[index] = self._phase(self._calendars[index])
                if turned.day != phase.day:
                    for which in np.flatnonzero(self._calendar_of == index):
                        self._volumes[which] = 0
        return self._phases

    def _phase(self, calendar: str) -> SessionPhase:
        now = EPOCH + timedelta(microseconds=self._now_us)
        return phase_at(self._sessions, calendar, now, always_open=self._always_open)

    def _trade(self, phases: list[SessionPhase], end_us: int) -> list[Tick]:
        start_us, dt_us = self._now_us, end_us - self._now_us
        dt_s = dt_us / _SECOND_US
        random = self._random
        active = np.array([phase.activity(start_us) for phase in phases])[self._calendar_of]
        rates = self._rates * active
        total = float(rates.sum())
        count = min(int(random.poisson(total * dt_s)), TICKS_MAX)
        shock = self._factor @ random.standard_normal(len(rates))
        before = self._level
        move = self._sigma * np.sqrt(dt_s * active / MEAN_ACTIVITY) * shock
        pull = PULL_PER_S * dt_s * (self._home - before) * (active > 0)
        if self._sign:
            led = self._follower
            a_minute = self._sigma[led] * math.sqrt(60 * active[led] / MEAN_ACTIVITY)
            move[led] += self._pattern * self._sign * a_minute * dt_s / 60
        self._level = after = before + move + pull
        if count == 0:
            return []

        chosen, extra, trade, aggressor = random.random((4, count))
        offsets = np.sort(random.random(count))
        sizes = random.standard_exponential((3, count))
        # Only symbols with a rate can be chosen, whatever rounding does at the end.
        trading = np.flatnonzero(rates)
        bounds = np.cumsum(rates[trading])
        index = np.searchsorted(bounds[:-1], chosen * bounds[-1], side="right")
        which = trading[index]

        is_day = np.array([phase.is_forced or phase.regular_us is not None for phase in phases])
        is_regular = is_day[self._calendar_of][which]
        # By day one extra tick of spread in eight times, by night on most, and often a second.
        wide = np.where(is_regular, extra < 0.12, extra < 0.7).astype(int)
        wide += np.where(is_regular, extra < 0.01, extra < 0.25)
        spread = self._tick_increments[which] * (self._spread_ticks[which] + wide)
        path = np.exp(before)[which] * (1 - offsets) + np.exp(after)[which] * offsets
        bid = np.maximum(np.floor(path - (spread - 1) / 2).astype(int), 1)
        depth = self._quote_size[which] * np.where(is_regular, 1.0, 0.4)
        # Trades lean with the move.
        is_buy = aggressor < 0.5 + 0.2 * np.sign(move)[which]
        columns = (
            which,
            (offsets * dt_us).astype(int),
            bid,
            bid + spread,
            (1 + depth * sizes[0]).astype(int),
            (1 + depth * sizes[1]).astype(int),
            trade < TRADE_SHARE,
            is_buy,
            (1 + self._trade_size[which] * sizes[2]).astype(int),
        )
        return self._ticks(start_us, zip(*(column.tolist() for column in columns), strict=True))

    def _ticks(self, start_us: int, rows: Iterable[_Row]) -> list[Tick]:
        start = EPOCH + timedelta(microseconds=start_us)
        symbols, prices, volumes, price = self._symbols, self._prices, self._volumes, self._price
        seq = self._seq
        ticks = []
        for which, offset_us, bid, ask, bid_size, ask_size, is_trade, is_buy, size in rows:
            ts = start + timedelta(0, 0, offset_us)
            # Microseconds since 1970 grow across restarts without anything being stored.
            seq = max(seq + 1, start_us + offset_us)
            known = prices[which]
            bid_price = known.get(bid) or price(which, bid)
            ask_price = known.get(ask) or price(which, ask)
            if is_trade:
                volumes[which] += size
                tick = Tick(
                    symbol=symbols[which],
                    ts=ts,
                    seq=seq,
                    source=SOURCE,
                    received_at=ts,
                    last=ask_price if is_buy else bid_price,
                    bid=bid_price,
                    ask=ask_price,
                    last_size=size,
                    side="B" if is_buy else "S",
                    volume=volumes[which],
                    volume_delta=size,
                    is_trade=True,
                )
            else:
                tick = Tick(
                    symbol=symbols[which],
                    ts=ts,
                    seq=seq,
                    source=SOURCE,
                    received_at=ts,
                    bid=bid_price,
                    ask=ask_price,
                    bid_size=bid_size,
                    ask_size=ask_size,
                )
            ticks.append(tick)
        self._seq = seq
        return ticks

    def _price(self, which: int, level: int) -> Decimal:
        known = self._prices[which]
        if len(known) >= _PRICES_MAX:
            known.clear()
        known[level] = exact = self._increments[which] * level
        return exact


def rates_per_s(symbols: list[str], ticks_per_s: float) -> npt.NDArray[np.float64]:
    """Return the ticks a second of each symbol in regular hours, of so many in all."""
    weights = np.array([PROFILES[symbol].activity for symbol in symbols])
    found: npt.NDArray[np.float64] = ticks_per_s * weights / weights.sum()
    return found


def _step_us(ticks_per_s: float) -> int:
    # 700 ticks at the busiest leave a margin for chance below TICKS_MAX.
    longest_s = 0.1 if ticks_per_s >= 10 else min(1.0, 1 / ticks_per_s)
    step_s = min(longest_s, 0.7 * TICKS_MAX / (ticks_per_s * PEAK_ACTIVITY))
    return max(1, int(step_s * _SECOND_US))

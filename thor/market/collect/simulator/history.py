"""Make the past of the simulated market: bars that end where its ticks begin.

Stage 20, collect. Pure: takes instruments, sessions, a seed and the prices to end at; gives bars of
every width but the second. They are made backwards from the end, so that prices do not jump where
the ticks begin; a wider bar is made of the narrower ones where there are any.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from thor.domain.bar import ImportedBar, day_start
from thor.domain.instrument import Instrument
from thor.domain.sessions import Session
from thor.market.collect.simulator.hours import EPOCH, OVERNIGHT_ACTIVITY, epoch_us
from thor.market.collect.simulator.instruments import PROFILES, correlation
from thor.market.collect.simulator.market import (
    FOLLOWER,
    LEADER,
    MEAN_ACTIVITY,
    PULL_PER_S,
    TRADE_SHARE,
    YEAR_S,
    rates_per_s,
)

DAYS = 400
MINUTE_DAYS = 10
_MINUTE_S = 60
_MINUTE_US = 60_000_000
_WIDTHS = {"5m": 5, "1h": 60}
# Trades lean with the move, as in the ticks.
_LEAN = 0.1
# The spread of daily volumes, in logarithms.
_VOLUME_SPREAD = 0.2

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


class Bars(NamedTuple):
    """Bars of one symbol and width, a row each: prices in increments, starts in µs since 1970."""

    symbol: str
    width: str
    start_us: _Ints
    open: _Ints
    high: _Ints
    low: _Ints
    close: _Ints
    volume: _Ints
    volume_buy: _Ints
    trades: _Ints


class History(NamedTuple):
    """The bars, and the volume of each symbol's trade date so far."""

    bars: list[Bars]
    volumes: dict[str, int]

    def rows(self, instruments: Mapping[str, Instrument]) -> list[ImportedBar]:
        """Return the bars with exact prices, as a vendor's file would give them."""
        found: list[ImportedBar] = []
        for of_width in self.bars:
            increment = instruments[of_width.symbol].quote_increment
            columns = [column.tolist() for column in of_width[2:]]
            for start, open_, high, low, close, volume, bought, trades in zip(
                *columns, strict=True
            ):
                found.append(
                    ImportedBar(
                        symbol=of_width.symbol,
                        width=of_width.width,
                        bar_start=EPOCH + timedelta(microseconds=start),
                        open=increment * open_,
                        high=increment * high,
                        low=increment * low,
                        close=increment * close,
                        volume=volume,
                        volume_buy=bought,
                        volume_sell=volume - bought,
                        trades=trades,
                    )
                )
        return found


class _Symbol(NamedTuple):
    name: str
    calendar: str
    sigma: float
    home: float
    rate_per_s: float
    trade_size: float


def history(
    instruments: Mapping[str, Instrument],
    sessions: Sequence[Session],
    prices: Mapping[str, Decimal],
    end: datetime,
    *,
    seed: int,
    ticks_per_s: float,
    pattern: float,
    days: int = DAYS,
    minute_days: int = MINUTE_DAYS,
) -> History:
    """Return `days` trade dates of 1d bars and `minute_days` of narrower ones, up to `end`.

    The trade date that `end` lies in has its narrower bars so far, and no daily one. `prices`
    by symbol are where the bars end, in points; a symbol without one is left out. The same
    arguments give the same bars.
    """
    listed = sorted(
        (row for row in instruments.values() if row.symbol in prices),
        key=lambda row: (row.sort_order, row.symbol),
    )
    symbols = _symbols(listed, ticks_per_s)
    if not symbols:
        return History([], {})
    levels = np.array([math.log(float(prices[row.symbol] / row.quote_increment)) for row in listed])
    made = _History(symbols, sessions, epoch_us(end), seed, pattern, levels)
    return made.make(days, minute_days)


def _symbols(listed: list[Instrument], ticks_per_s: float) -> list[_Symbol]:
    profiles = [PROFILES[row.symbol] for row in listed]
    rates = rates_per_s([row.symbol for row in listed], ticks_per_s)
    return [
        _Symbol(
            name=row.symbol,
            calendar=row.calendar,
            sigma=one.annual_volatility / YEAR_S**0.5,
            home=math.log(one.price / float(row.quote_increment)),
            rate_per_s=float(rate),
            trade_size=one.trade_size,
        )
        for row, one, rate in zip(listed, profiles, rates, strict=True)
    ]


class _History:
    def __init__(
        self,
        symbols: list[_Symbol],
        sessions: Sequence[Session],
        end_us: int,
        seed: int,
        pattern: float,
        levels: _Floats,
    ) -> None:
        self._symbols = symbols
        self._end_us = end_us // _MINUTE_US * _MINUTE_US
        self._pattern = pattern
        self._levels = levels
        # Another random stream than that of the ticks that follow.
        self._random = np.random.default_rng((seed, 1))
        calendars = {symbol.calendar for symbol in symbols}
        self._sessions: dict[str, list[Session]] = {calendar: [] for calendar in calendars}
        for session in sorted(sessions, key=lambda row: row.open_at):
            if session.calendar in calendars and epoch_us(session.open_at) < self._end_us:
                self._sessions[session.calendar].append(session)

    def make(self, days: int, minute_days: int) -> History:
        dates = sorted({row.trade_date for rows in self._sessions.values() for row in rows})
        open_dates = {
            row.trade_date
            for rows in self._sessions.values()
            for row in rows
            if epoch_us(row.close_at) > self._end_us
        }
        closed = [day for day in dates if day not in open_dates]
        recent = set(closed[-minute_days:]) | open_dates
        starts = [
            epoch_us(row.open_at)
            for rows in self._sessions.values()
            for row in rows
            if row.trade_date in recent
        ]
        if not starts:
            return History([], {})
        first_us = min(starts)
        bars, volumes, levels = self._minutes(first_us, recent, open_dates)
        older = closed[-days:-minute_days] if minute_days else closed[-days:]
        bars += self._days([day for day in older if day not in recent], levels)
        return History(bars, volumes)

    def _minutes(
        self, first_us: int, recent: set[date], open_dates: set[date]
    ) -> tuple[list[Bars], dict[str, int], _Floats]:
        starts_us = np.arange(first_us, self._end_us, _MINUTE_US, dtype=np.int64)
        count, symbols = len(starts_us), self._symbols
        active, on = self._activity(starts_us, recent)
        scale = np.array([symbol.sigma for symbol in symbols]) * np.sqrt(
            _MINUTE_S * active / MEAN_ACTIVITY
        )
        factor = np.linalg.cholesky(correlation([symbol.name for symbol in symbols]))
        moves = scale * (self._random.standard_normal((count, len(symbols))) @ factor.T)
        self._lead(moves, scale)
        closes = self._levels - (moves.sum(axis=0) - np.cumsum(moves, axis=0))
        opens = closes - moves
        highs, lows = self._extremes(opens, closes, scale)
        trades, volume, bought = self._traded(moves, active)
        bars: list[Bars] = []
        volumes: dict[str, int] = {}
        for which, symbol in enumerate(symbols):
            has = trades[:, which] > 0
            prices = [_increments(levels[has, which]) for levels in (opens, closes)]
            minutes = Bars(
                symbol.name,
                "1m",
                starts_us[has],
                prices[0],
                np.maximum(_increments(highs[has, which]), np.maximum(*prices)),
                np.minimum(_increments(lows[has, which]), np.minimum(*prices)),
                prices[1],
                volume[has, which],
                bought[has, which],
                trades[has, which],
            )
            days = on[symbol.calendar][has]
            bars.append(minutes)
            bars += [_wider(minutes, width, n, self._end_us) for width, n in _WIDTHS.items()]
            bars.append(self._daily(minutes, days, open_dates))
            so_far = np.isin(days, [day.toordinal() for day in open_dates])
            volumes[symbol.name] = int(minutes.volume[so_far].sum())
        return bars, volumes, opens[0]

    def _activity(self, starts_us: _Ints, recent: set[date]) -> tuple[_Floats, dict[str, _Ints]]:
        """Return how busy each minute is by symbol, and which trade date it is of by calendar."""
        of_calendar: dict[str, _Floats] = {}
        on: dict[str, _Ints] = {}
        for calendar, sessions in self._sessions.items():
            activity = np.zeros(len(starts_us))
            days = np.zeros(len(starts_us), dtype=np.int64)
            for session in sessions:
                if session.trade_date not in recent:
                    continue
                is_open = _within(starts_us, session.open_at, session.close_at)
                activity[is_open] = OVERNIGHT_ACTIVITY
                days[is_open] = session.trade_date.toordinal()
                if session.regular_open_at is not None and session.regular_close_at is not None:
                    regular = _within(starts_us, session.regular_open_at, session.regular_close_at)
                    begin, end = map(epoch_us, (session.regular_open_at, session.regular_close_at))
                    share = 2 * (starts_us[regular] - begin) / (end - begin) - 1
                    activity[regular] = 0.6 + 1.2 * share**2
            of_calendar[calendar], on[calendar] = activity, days
        return np.stack([of_calendar[s.calendar] for s in self._symbols], axis=1), on

    def _lead(self, moves: _Floats, scale: _Floats) -> None:
        names = [symbol.name for symbol in self._symbols]
        if self._pattern and LEADER in names and FOLLOWER in names:
            leader, follower = names.index(LEADER), names.index(FOLLOWER)
            sign = np.sign(moves[:-1, leader])
            moves[1:, follower] += self._pattern * scale[1:, follower] * sign

    def _extremes(self, opens: _Floats, closes: _Floats, scale: _Floats) -> tuple[_Floats, _Floats]:
        # How far a walk between two levels goes above them, and below.
        move = closes - opens
        stray = [
            np.sqrt(move**2 - 2 * scale**2 * np.log(1 - self._random.random(move.shape)))
            for _ in range(2)
        ]
        return (opens + closes + stray[0]) / 2, (opens + closes - stray[1]) / 2

    def _traded(self, moves: _Floats, active: _Floats) -> tuple[_Ints, _Ints, _Ints]:
        random = self._random
        rates = np.array([symbol.rate_per_s for symbol in self._symbols])
        sizes = np.array([symbol.trade_size for symbol in self._symbols])
        trades = random.poisson(rates * active * _MINUTE_S * TRADE_SHARE)
        volume = trades + random.gamma(np.maximum(trades, 1), sizes).astype(np.int64)
        bought = random.binomial(volume, 0.5 + _LEAN * np.sign(moves))
        return trades, np.where(trades > 0, volume, 0), bought

    def _daily(self, minutes: Bars, days: _Ints, open_dates: set[date]) -> Bars:
        closed = ~np.isin(days, [day.toordinal() for day in open_dates])
        kept = Bars(minutes.symbol, "1m", *(column[closed] for column in minutes[2:]))
        starts = np.array(
            [_day_start_us(date.fromordinal(day)) for day in days[closed].tolist()], dtype=np.int64
        )
        return _grouped(kept, "1d", starts)

    def _days(self, older: list[date], levels: _Floats) -> list[Bars]:
        """Return the daily bars of older trade dates, which end at some levels."""
        random, symbols = self._random, self._symbols
        by_date = {
            calendar: {row.trade_date: row for row in rows}
            for calendar, rows in self._sessions.items()
        }
        factor = np.linalg.cholesky(correlation([symbol.name for symbol in symbols]))
        home = np.array([symbol.home for symbol in symbols])
        sigma = np.array([symbol.sigma for symbol in symbols])
        rates = np.array([symbol.rate_per_s for symbol in symbols])
        sizes = np.array([symbol.trade_size for symbol in symbols])
        rows: list[list[tuple[float, ...]]] = [[] for _ in symbols]
        for day in reversed(older):
            found = [by_date[symbol.calendar].get(day) for symbol in symbols]
            seconds = np.array([_seconds(session) for session in found])
            busy_s = np.array([_busy_s(session) for session in found])
            sd = sigma * np.sqrt(busy_s / MEAN_ACTIVITY)
            noise = sd * (factor @ random.standard_normal(len(symbols)))
            # A mean-reverting walk looks the same backwards.
            opens = home + (levels - home) * np.exp(-PULL_PER_S * seconds) - noise
            highs, lows = self._extremes(opens, levels, sd)
            trades = np.maximum(
                rates * busy_s * TRADE_SHARE
                * np.exp(_VOLUME_SPREAD * random.standard_normal(len(symbols))), 1,
            ).astype(np.int64)  # fmt: skip
            volume = (trades * (1 + sizes)).astype(np.int64)
            bought = random.binomial(volume, 0.5 + _LEAN * np.sign(levels - opens))
            for which in range(len(symbols)):
                if found[which] is not None:
                    rows[which].append(
                        (
                            _day_start_us(day), opens[which], highs[which], lows[which],
                            levels[which], volume[which], bought[which], trades[which],
                        )
                    )  # fmt: skip
            levels = opens
        return [
            _of_levels(symbol.name, of_symbol[::-1])
            for symbol, of_symbol in zip(symbols, rows, strict=True)
            if of_symbol
        ]


def _of_levels(symbol: str, rows: list[tuple[float, ...]]) -> Bars:
    start, open_, high, low, close, *counts = zip(*rows, strict=True)
    opens, closes = _increments(np.array(open_)), _increments(np.array(close))
    return Bars(
        symbol,
        "1d",
        np.array(start, dtype=np.int64),
        opens,
        np.maximum(_increments(np.array(high)), np.maximum(opens, closes)),
        np.minimum(_increments(np.array(low)), np.minimum(opens, closes)),
        closes,
        *(np.array(count, dtype=np.int64) for count in counts),
    )


def _wider(minutes: Bars, width: str, count: int, end_us: int) -> Bars:
    """Return wider bars of minutes, only those that are over at the end."""
    span_us = count * _MINUTE_US
    starts = minutes.start_us // span_us * span_us
    over = starts + span_us <= end_us
    kept = Bars(minutes.symbol, "1m", *(column[over] for column in minutes[2:]))
    return _grouped(kept, width, starts[over])


def _grouped(bars: Bars, width: str, starts: _Ints) -> Bars:
    if not len(starts):
        return bars._replace(width=width)
    first = np.flatnonzero(np.r_[True, starts[1:] != starts[:-1]])
    last = np.r_[first[1:], len(starts)] - 1
    return Bars(
        bars.symbol,
        width,
        starts[first],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.volume, first),
        np.add.reduceat(bars.volume_buy, first),
        np.add.reduceat(bars.trades, first),
    )


def _increments(levels: _Floats) -> _Ints:
    return np.maximum(np.rint(np.exp(levels)), 1).astype(np.int64)


def _within(starts_us: _Ints, begin: datetime, end: datetime) -> npt.NDArray[np.bool_]:
    return (starts_us >= epoch_us(begin)) & (starts_us < epoch_us(end))


def _seconds(session: Session | None) -> float:
    return 0.0 if session is None else (session.close_at - session.open_at).total_seconds()


def _busy_s(session: Session | None) -> float:
    """Return a session's seconds, each weighted by how busy it is; regular ones count once."""
    if session is None:
        return 0.0
    if session.regular_open_at is None or session.regular_close_at is None:
        return OVERNIGHT_ACTIVITY * _seconds(session)
    regular_s = (session.regular_close_at - session.regular_open_at).total_seconds()
    return regular_s + OVERNIGHT_ACTIVITY * (_seconds(session) - regular_s)


def _day_start_us(day: date) -> int:
    return epoch_us(day_start(day))

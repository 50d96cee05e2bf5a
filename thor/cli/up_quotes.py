"""The display of `thor up`: one table of what runs, then live quotes.

Reads the bus and the database. An observer: whatever happens to it, the system goes on.
"""

import os
import re
import sys
import threading
from contextlib import suppress
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from thor import clock
from thor.cli.common import console, fits, tell
from thor.config import Settings
from thor.domain import timestamps
from thor.domain.instrument import Instrument
from thor.errors import ThorError

_REFRESH_S = 0.5
_PLAIN_EVERY_S = 10.0
_STALE_S = 5.0
_AGAIN_S = 5.0
_END_WITHIN_S = 1.0
_LOOK_EVERY_S = 0.5
_SOURCE_SHOWN_MAX = 20
_WIDE = 100
# Shown for a value that cannot be read.
_UNREADABLE = "?"
_COUNT = re.compile(r"[0-9]{1,19}")


class Display:
    """The terminal's tables, in a thread of their own until the process is to stop.

    A terminal that is gone, full or never read ends the display alone.
    """

    def __init__(
        self,
        settings: Settings,
        system: Any,
        jobs: list[Any],
        stop: Any,
        start_s: float,
        player: Any = None,
        playing: Any = None,
    ) -> None:
        """Take what runs, and the player and the future of its play where a tape is shown."""
        self._settings, self._system, self._stop = settings, system, stop
        self._start_s = start_s
        self._playing = Playing(player, playing)
        self._symbols = None if player is None else player.symbols
        port = next(job.env["THOR_API_PORT"] for job in jobs)
        self.address = f"http://127.0.0.1:{port}"
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)

    def start(self) -> None:
        """Begin to show."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether something is still shown."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Wait until the tables are taken down, for a second at most."""
        self._thread.join(_END_WITHIN_S)

    def leave(self) -> None:
        """End the process at once where a terminal that is not read blocks the display."""
        if self.is_alive:
            # The interpreter's own end would wait for the writer.
            os._exit(0)

    def _run(self) -> None:
        try:
            print_overview(self._settings, self._system, self.address)
            while not self._stop:
                try:
                    quotes(self._system, self._stop, self._start_s, self._playing, self._symbols)
                except (ThorError, ValueError, ArithmeticError, LookupError, TypeError) as error:
                    console.print(f"the quotes cannot be shown: {error}", markup=False)
                    self._stop.wait(_AGAIN_S)
        except (OSError, SystemExit):
            # The output is closed: the rest of the buffer is discarded.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def wait(stop: Any, playing: Any = None) -> None:
    """Wait until the process is to stop; raises what the play of a tape raised."""
    while not stop.wait(_LOOK_EVERY_S):
        if playing is not None and playing.done():
            playing.result()
            playing = None


def print_overview(settings: Settings, system: Any, web: str) -> None:
    """Print what runs, where, and what to try next."""
    ours = system.endpoints
    rows: list[tuple[str, str, str]] = []
    postgres = "its own, on 127.0.0.1" if ours.owns_postgres else "THOR_DATABASE_URL"
    redis = "its own, on 127.0.0.1" if ours.owns_redis else "THOR_REDIS_URL"
    ask = "thor db psql -c 'select ts, bid, ask, last from ticks_between($$ES$$, null, null, 5)'"
    rows.append(("pages", f"{web}", "open it in a browser"))
    rows += _login(settings, system, web)
    rows.append(("PostgreSQL", postgres, ask))
    rows.append(("bus", redis, "thor ticks account"))
    rows.append(("API", web, f"curl '{web}/api/quotes?symbols=ES,NQ'"))
    rows.append(("live quotes", f"{web}/api/quotes/stream", f"curl -N {web}/api/quotes/stream"))
    bars = "thor db psql -c 'select * from bars_1m order by bar_start desc limit 11'"
    rows.append(("bars", "bars_1s bars_1m bars_5m bars_1h bars_1d", bars))
    rows.append(("API pages", f"{web}/docs", "open it in a browser"))
    rows.append(("health", f"{web}/health", "thor status"))
    rows.append(("your tapes", "Parquet, CSV, DBN", "thor up --tape FILE --speed 10x"))
    rows.append(("data, logs", str(system.home.path), f"ls {system.home.logs}"))
    _print_overview(f"Thor, {settings.nature} market", rows)
    console.print("[bold]`thor` is .venv/bin/thor; Ctrl-C stops all of it, the data stay.[/]")


def _login(settings: Settings, system: Any, web: str) -> list[tuple[str, str, str]]:
    from thor import database
    from thor.cli.people import login_row
    from thor.services.nature import USUAL

    try:
        with database.connect(system.endpoints.database_url, "cli") as connection:
            return [login_row(connection, settings.auth, settings.nature or USUAL, web)]
    except ThorError as error:
        tell(f"  the accounts cannot be read: {error}")
        return []


def _print_overview(title: str, rows: list[tuple[str, str, str]]) -> None:
    """Print it as a table, or in two lines a row where that is too wide: commands stay whole."""
    table = Table(title=title, title_justify="left")
    for n, column in enumerate(("what", "where", "try")):
        width = max(len(row[n]) for row in rows)
        table.add_column(column, no_wrap=True, min_width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    if console.is_terminal and fits(table):
        console.print(table, soft_wrap=False)
        return
    console.print(title, markup=False)
    for what, where, command in rows:
        console.print(f"{what:<12}{where}\n{'':<12}{command}", markup=False)


def quotes(system: Any, stop: Any, start_s: float, tape: "Playing", symbols: Any = None) -> None:
    """Show the latest quotes until Ctrl-C; a line now and then where there is no terminal.

    Of tapes their own series are shown, with the market's time instead of an age.
    """
    from thor import database
    from thor.market.bus.client import Bus
    from thor.reference.instruments import listing as read_listing

    with database.connect(system.endpoints.database_url, "screen") as connection:
        listing = read_listing(connection)
    instruments = {
        symbol: instrument
        for symbol in symbols or list(listing.instruments)
        if (instrument := listing.instrument(symbol)) is not None
    }
    bus = Bus(system.endpoints.redis_url)
    if not _first(bus, list(instruments), stop, start_s):
        return
    if not console.is_terminal:
        while not stop.wait(_PLAIN_EVERY_S):
            console.print(f"{_line(bus, instruments)}{tape.note()}", markup=False)
        return
    with Live(_table(bus, instruments, tape), console=Console(), auto_refresh=False) as live:
        while not stop.wait(_REFRESH_S):
            live.update(_table(bus, instruments, tape), refresh=True)


class Playing:
    """The progress of the tapes, where there are any."""

    def __init__(self, player: Any, playing: Any) -> None:
        """Take the player and the future of its play, or None for both."""
        self._player = player
        self._playing = playing
        if playing is not None and not console.is_terminal:
            playing.add_done_callback(self._on_end)

    @property
    def is_there(self) -> bool:
        """Whether tapes are shown."""
        return self._player is not None

    def note(self) -> str:
        """Return a line about the tape, or nothing."""
        if self._player is None:
            return ""
        ended = ", ended; Ctrl-C stops Thor" if self._playing.done() else ""
        return f" | {self._player.progress()}{ended}"

    def _on_end(self, playing: Any) -> None:
        if playing.exception() is None:
            with suppress(OSError, SystemExit):
                console.print(self.note().removeprefix(" | "))


def _first(bus: Any, symbols: list[str], stop: Any, start_s: float) -> bool:
    while not stop.wait(0.05):
        if bus.latest(symbols):
            took_s = clock.monotonic_s() - start_s
            tell(f"first quote {took_s:.1f} s after the start")
            return True
    return False


def _table(bus: Any, instruments: dict[str, Instrument], tape: Playing) -> Table:
    time = "market time" if tape.is_there else "age"
    columns = ["symbol", "last", "bid", "ask", "size", "volume", time, "source"]
    if tape.is_there and console.width < _WIDE:
        # Of a tape it is one and the same; the prices are to be whole.
        columns.pop()
    table = Table(title="quotes", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(
            column, justify="left" if column in ("symbol", "source") else "right", no_wrap=True
        )
    try:
        latest = bus.latest(list(instruments))
        state = bus.state()
    except ThorError as error:
        table.caption = Text(str(error))
        return table
    now = clock.now()
    unreadable = 0
    for symbol, quote in latest.items():
        cells, is_stale = cells_of(quote, instruments[symbol], now, in_market_time=tape.is_there)
        unreadable += sum(cell.count(_UNREADABLE) for cell in cells)
        table.add_row(
            symbol, *map(Text, cells[: len(columns) - 1]), style="dim" if is_stale else None
        )
    unread = f"{unreadable} values cannot be read, " if unreadable else ""
    table.caption = Text(
        f"{unread}{state.received} ticks received, {state.pending_entries} entries being written, "
        f"{state.lag_entries} waiting{tape.note()}"
    )
    return table


def cells_of(
    quote: dict[str, str], instrument: Instrument, now: datetime, *, in_market_time: bool
) -> tuple[list[str], bool]:
    """Return last, bid, ask, size, volume, time and source as shown, and whether it is stale.

    What cannot be read is a question mark. Without the market's time the age is shown, and
    how far a quote is ahead of `now` where it is.
    """
    prices = [_price(quote.get(name), instrument) for name in ("last", "bid", "ask")]
    size = f"{_count(quote.get('bid_size'))}×{_count(quote.get('ask_size'))}"
    ts, received_at = (timestamps.parse(quote.get(name)) for name in ("ts", "received_at"))
    is_stale = False
    if in_market_time:
        time = _UNREADABLE if ts is None else f"{ts:%Y-%m-%d %H:%M:%S}Z"
    elif received_at is None:
        time = _UNREADABLE
    else:
        age_s = (now - received_at).total_seconds()
        # What comes from the future is no fresher than what is old.
        is_stale = abs(age_s) > _STALE_S
        time = f"ahead {-age_s:.1f} s" if age_s < -_STALE_S else f"{max(age_s, 0):.1f} s"
    source = quote.get("source", _UNREADABLE)[:_SOURCE_SHOWN_MAX]
    return [*prices, size, _count(quote.get("volume")), time, source], is_stale


def _line(bus: Any, instruments: dict[str, Instrument]) -> str:
    try:
        latest, state = bus.latest(list(instruments)), bus.state()
    except ThorError as error:
        return str(error)
    shown = [
        f"{symbol} {_price(quote.get('last') or quote.get('bid'), instrument)}"
        for symbol, instrument in instruments.items()
        if (quote := latest.get(symbol))
    ]
    return f"{clock.now():%H:%M:%S}Z  {'  '.join(shown)}  | {state.received} ticks"


def _price(text: str | None, instrument: Instrument) -> str:
    if text is None:
        return "–"
    try:
        price = Decimal(text)
    except InvalidOperation:
        return _UNREADABLE
    if instrument.price_fault(price) is not None:
        return _UNREADABLE
    shown = format(price, f".{instrument.display_precision}f")
    # A price finer than the display precision is shown whole rather than rounded.
    return shown if Decimal(shown) == price else format(price.normalize(), "f")


def _count(text: str | None) -> str:
    if text is None:
        return "–"
    return text if _COUNT.fullmatch(text) else _UNREADABLE

"""The display of `thor up`: one table of what runs, then live quotes.

Reads the bus and the ingest counts.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.live import Live
from rich.table import Table

from thor import clock
from thor.cli.common import console, notes
from thor.config import Settings
from thor.errors import Unavailable

_REFRESH_S = 0.5
_PLAIN_EVERY_S = 10.0
_STALE_S = 5.0


def print_overview(settings: Settings, system: Any, jobs: list[Any]) -> str:
    """Print what runs, where, and what to try next; return the address of the pages."""
    port = next(job.env["THOR_API_PORT"] for job in jobs)
    web = f"http://127.0.0.1:{port}"
    ours = system.endpoints
    table = Table(title=f"Thor, {settings.nature} market", title_justify="left")
    for column in ("what", "where", "try"):
        table.add_column(column, overflow="fold")
    postgres = "its own, on 127.0.0.1" if ours.owns_postgres else "THOR_DATABASE_URL"
    redis = "its own, on 127.0.0.1" if ours.owns_redis else "THOR_REDIS_URL"
    ask = "thor db psql -c 'select ts, bid, ask, last from ticks_between($$ES$$, null, null, 5)'"
    table.add_row("pages", f"[bold]{web}[/]", "open it in a browser")
    table.add_row("PostgreSQL", postgres, ask)
    table.add_row("bus", redis, "thor ticks account")
    table.add_row("API", web, f"curl '{web}/api/quotes?symbols=ES,NQ'")
    table.add_row("live quotes", f"{web}/api/quotes/stream", f"curl -N {web}/api/quotes/stream")
    bars = "thor db psql -c 'select * from bars_1m order by bar_start desc limit 11'"
    table.add_row("bars", "bars_1s bars_1m bars_5m bars_1h bars_1d", bars)
    table.add_row("API pages", f"{web}/docs", "open it in a browser")
    table.add_row("health", f"{web}/health", "thor status")
    table.add_row("your tapes", "Parquet, CSV, DBN", "thor up --tape FILE --speed 10x")
    table.add_row("data, logs", str(system.home.path), f"ls {system.home.logs}")
    console.print(table)
    console.print("[bold]`thor` is .venv/bin/thor; Ctrl-C stops all of it, the data stay.[/]")
    return web


def quotes(system: Any, stop: Any, start_s: float, player: Any = None, playing: Any = None) -> None:
    """Show the latest quotes until Ctrl-C; a line now and then where there is no terminal.

    Of tapes their own series are shown, with the market's time instead of an age. Raises
    what the `playing` of a tape raised.
    """
    from thor import database
    from thor.market.bus.client import Bus
    from thor.reference.instruments import listing as read_listing

    with database.connect(system.endpoints.database_url, "screen") as connection:
        listing = read_listing(connection)
    symbols = list(listing.instruments) if player is None else player.symbols
    instruments = {symbol: listing.instrument(symbol) for symbol in symbols}
    bus = Bus(system.endpoints.redis_url)
    tape = Playing(player, playing)
    if not _first(bus, list(instruments), stop, start_s, tape):
        return
    if not console.is_terminal:
        while not stop.wait(_PLAIN_EVERY_S):
            console.print(f"{_line(bus, instruments)}{tape.note()}")
        return
    with Live(_table(bus, instruments, tape), console=console, auto_refresh=False) as live:
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
        """Return a line about the tape, or nothing; raises what its play raised."""
        if self._player is None:
            return ""
        if not self._playing.done():
            return f" | {self._player.progress()}"
        self._playing.result()
        return f" | {self._player.progress()}, ended; Ctrl-C stops Thor"

    def _on_end(self, playing: Any) -> None:
        if playing.exception() is None:
            console.print(self.note().removeprefix(" | "))


def _first(bus: Any, symbols: list[str], stop: Any, start_s: float, tape: Playing) -> bool:
    while not stop.wait(0.05):
        tape.note()
        if bus.latest(symbols):
            took_s = clock.monotonic_s() - start_s
            notes.print(f"first quote {took_s:.1f} s after the start")
            return True
    return False


def _table(bus: Any, instruments: Any, tape: Playing) -> Table:
    time = "market time" if tape.is_there else "age"
    columns = ("symbol", "last", "bid", "ask", "size", "volume", time, "source")
    table = Table(title="quotes", title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in ("symbol", "source") else "right")
    try:
        latest = bus.latest(list(instruments))
        state = bus.state()
    except Unavailable as error:
        table.caption = str(error)
        return table
    now = clock.now()
    for symbol, quote in latest.items():
        age_s = (now - datetime.fromisoformat(quote["received_at"])).total_seconds()
        decimals = instruments[symbol].display_precision
        prices = (_price(quote.get(name), decimals) for name in ("last", "bid", "ask"))
        sizes = f"{quote.get('bid_size', '–')}×{quote.get('ask_size', '–')}"
        style = "dim" if age_s > _STALE_S and not tape.is_there else None
        volume = quote.get("volume", "–")
        shown = _market_time(quote["ts"]) if tape.is_there else f"{max(age_s, 0):.1f} s"
        table.add_row(symbol, *prices, sizes, volume, shown, quote["source"], style=style)
    table.caption = (
        f"{state.received} ticks received, {state.pending_entries} entries being written, "
        f"{state.lag_entries} waiting{tape.note()}"
    )
    return table


def _market_time(ts: str) -> str:
    return f"{datetime.fromisoformat(ts):%Y-%m-%d %H:%M:%S}Z"


def _line(bus: Any, instruments: Any) -> str:
    try:
        latest, state = bus.latest(list(instruments)), bus.state()
    except Unavailable as error:
        return str(error)
    shown = [
        f"{symbol} {_price(quote.get('last') or quote.get('bid'), i.display_precision)}"
        for symbol, i in instruments.items()
        if (quote := latest.get(symbol))
    ]
    return f"{clock.now():%H:%M:%S}Z  {'  '.join(shown)}  | {state.received} ticks"


def _price(text: str | None, decimals: int) -> str:
    if text is None:
        return "–"
    price = Decimal(text)
    shown = format(price, f".{decimals}f")
    # A price finer than the display precision is shown whole rather than rounded.
    return shown if Decimal(shown) == price else format(price.normalize(), "f")

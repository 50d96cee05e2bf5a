"""What a person sees of a running house: one table of what runs, then live quotes.

Door. Reads the bus and the ledger's account.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.live import Live
from rich.table import Table

from thor import clock
from thor.cli.place import console, notes
from thor.config import Settings
from thor.errors import Unavailable

_REFRESH_S = 0.5
_PLAIN_EVERY_S = 10.0
_STALE_S = 5.0


def front_door(settings: Settings, house: Any, jobs: list[Any]) -> None:
    """Print what runs, where, and what to try next."""
    port = next(job.env["THOR_API_PORT"] for job in jobs)
    web = f"http://127.0.0.1:{port}"
    ours = house.endpoints
    table = Table(title=f"Thor, {settings.nature} market", title_justify="left")
    for column in ("what", "where", "try"):
        table.add_column(column, overflow="fold")
    postgres = "its own, on 127.0.0.1" if ours.owns_postgres else "THOR_DATABASE_URL"
    redis = "its own, on 127.0.0.1" if ours.owns_redis else "THOR_REDIS_URL"
    ask = "thor db psql -c 'select ts, bid, ask, last from ticks_between($$ES$$, null, null, 5)'"
    table.add_row("PostgreSQL", postgres, ask)
    table.add_row("bus", redis, "thor ticks account")
    table.add_row("API", web, f"curl '{web}/api/quotes?symbols=ES,NQ'")
    table.add_row("live quotes", f"{web}/api/quotes/stream", f"curl -N {web}/api/quotes/stream")
    bars = "thor db psql -c 'select * from bars_1m order by bar_start desc limit 11'"
    table.add_row("bars", "bars_1s bars_1m bars_5m bars_1h bars_1d", bars)
    table.add_row("API pages", f"{web}/docs", "open it in a browser")
    table.add_row("health", f"{web}/health", "thor status")
    table.add_row("your tapes", "Parquet, CSV, DBN", "thor replay FILE --speed 10x")
    table.add_row("data, logs", str(house.home.path), f"ls {house.home.logs}")
    console.print(table)
    console.print("[bold]`thor` is .venv/bin/thor; Ctrl-C stops all of it, the data stay.[/]")


def quotes(house: Any, stop: Any, start_s: float) -> None:
    """Show the latest quotes until told to stop; a line now and then where there is no terminal."""
    from thor import database, reference
    from thor.market.bus import Bus

    with database.connect(house.endpoints.database_url, "screen") as connection:
        instruments = reference.instruments(connection)
    bus = Bus(house.endpoints.redis_url)
    if not _first(bus, list(instruments), stop, start_s):
        return
    if not console.is_terminal:
        while not stop.wait(_PLAIN_EVERY_S):
            console.print(_line(bus, instruments))
        return
    with Live(_table(bus, instruments), console=console, auto_refresh=False) as live:
        while not stop.wait(_REFRESH_S):
            live.update(_table(bus, instruments), refresh=True)


def _first(bus: Any, symbols: list[str], stop: Any, start_s: float) -> bool:
    while not stop.wait(0.05):
        if bus.latest(symbols):
            took_s = clock.monotonic_s() - start_s
            notes.print(f"first quote {took_s:.1f} s after the start")
            return True
    return False


def _table(bus: Any, instruments: Any) -> Table:
    columns = ("symbol", "last", "bid", "ask", "size", "volume", "age", "source")
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
        style = "dim" if age_s > _STALE_S else None
        volume = quote.get("volume", "–")
        row = (symbol, *prices, sizes, volume, f"{max(age_s, 0):.1f} s", quote["source"])
        table.add_row(*row, style=style)
    table.caption = (
        f"{state.received} ticks received, {state.pending_entries} entries being written, "
        f"{state.lag_entries} waiting"
    )
    return table


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
    # A price finer than the screen's precision is shown whole rather than rounded.
    return shown if Decimal(shown) == price else format(price.normalize(), "f")

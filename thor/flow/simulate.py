"""Publish the simulated market to the bus, in real time.

Stages: 20 collect → 25 bus. Refuses a database that was created for live data.
"""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

from thor import clock, database
from thor.config import Settings
from thor.database import Connection, edition
from thor.domain.instrument import Instrument, Listing
from thor.domain.sessions import Sessions, trade_date
from thor.errors import Refused, ThorError
from thor.flow.collect import Outlet, collect
from thor.flow.publish import Publisher
from thor.flow.simulated_history import missing_history, write_history
from thor.market.bus.client import Bus
from thor.market.bus.messages import Claim
from thor.market.collect.collector import Step
from thor.market.collect.simulator.instruments import PROFILES
from thor.market.collect.simulator.market import SOURCE, Simulator
from thor.reference import instruments
from thor.runtime import Stop, Stopped, persist

_SESSIONS_BACK = timedelta(days=7)
_SESSIONS_AHEAD = timedelta(days=400)
_PRICES_BACK = timedelta(days=7)


def simulate(
    settings: Settings,
    bus: Bus,
    database_url: str,
    stop: Stop,
    on_wait: Callable[[str, int], None] = lambda *_: None,
) -> None:
    """Publish the simulated market until `stop` is set; waits for servers that are away.

    It feeds its own roots and no other, and leaves out those of which a tape was replayed here:
    recorded and simulated ticks never share a series. `on_wait` hears which. Raises `Refused` for a
    database that is not simulated, or where a tape has every root.
    """
    market = persist(lambda: _open(settings, bus, database_url, stop, on_wait), stop, on_wait)

    def on_step(step: Step) -> None:
        if step.ticks:
            market.begin_history()

    collect(market.simulator, Outlet(SOURCE, market.publisher), stop, on_step)


class _Market:
    """A simulated market, and the history that its database still lacks."""

    def __init__(
        self,
        simulator: Simulator,
        publisher: Publisher,
        write_past: Callable[[], object] | None,
    ) -> None:
        self.simulator, self.publisher = simulator, publisher
        self._write_past = write_past

    def begin_history(self) -> None:
        """Write the history in parallel, once the first ticks are published."""
        if self._write_past is not None:
            Thread(target=self._write_past, name="history", daemon=True).start()
            self._write_past = None


def _open(
    settings: Settings,
    bus: Bus,
    database_url: str,
    stop: Stop,
    on_wait: Callable[[str, int], None],
) -> _Market:
    with database.connect(database_url, "simulate") as connection:
        _refuse_live(connection)
        listing = instruments.listing(connection)
        traded = _simulated(connection, listing, on_wait)
        start = clock.now()
        rows = instruments.sessions(connection, start - _SESSIONS_BACK, start + _SESSIONS_AHEAD)
        last_prices = {
            row["symbol"]: row["last"]
            for row in database.rows(
                connection,
                "prices_of_source",
                {
                    "symbols": list(traded),
                    "source": SOURCE,
                    "since": start - _PRICES_BACK,
                },
            )
        }
        claims = {
            symbol: Claim(*claim)
            for symbol, claim in instruments.claims(connection, SOURCE).items()
        }
        simulator = Simulator(
            traded,
            Sessions(rows),
            settings.sim_seed,
            start,
            settings.sim_ticks_per_s,
            last_prices=last_prices,
            pattern=settings.sim_pattern,
            always_open=settings.sim_always_open,
        )
        asked = {"source": SOURCE, "trade_date": trade_date(start)}
        simulator.carry_volumes(
            {row["symbol"]: row["volume"] for row in database.rows(connection, "volumes", asked)}
        )
        past = missing_history(connection, traded, simulator.prices, start, settings)
        if past is not None and not last_prices:
            simulator.carry_volumes(past[0].volumes)

    def write_past() -> None:
        assert past is not None
        try:
            persist(lambda: write_history(database_url, traded, *past), stop, on_wait)
        except Stopped:
            pass
        except ThorError as error:
            on_wait(f"the simulated history is left out: {error}", 1)

    publisher = Publisher(
        bus, listing, stop, claims, on_wait, timedelta(seconds=settings.skew_max_s)
    )
    return _Market(simulator, publisher, None if past is None else write_past)


def _simulated(
    connection: Connection[Any], listing: Listing, on_wait: Callable[[str, int], None]
) -> dict[str, Instrument]:
    own = {root: one for root, one in listing.instruments.items() if root in PROFILES}
    values = {"symbols": list(own)}
    recorded = [row["symbol"] for row in database.rows(connection, "recorded_series", values)]
    if recorded:
        names = ", ".join(recorded)
        on_wait(
            f"{names} not simulated: a tape was replayed into it; THOR_HOME names another home", 0
        )
    left = {root: one for root, one in own.items() if root not in recorded}
    if not left:
        raise Refused("The database holds tapes of every root that could be simulated")
    return left


def _refuse_live(connection: Connection[Any]) -> None:
    nature = edition.read(connection).nature
    if nature != "simulated":
        raise Refused(
            f"The database was made for {nature} data: the simulator stays out. "
            "Point THOR_DATABASE_URL at a simulated one."
        )

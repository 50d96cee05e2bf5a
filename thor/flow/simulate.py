"""Walk the simulated market onto the bus, in time with the clock on the wall.

Stages: 20 collect → 25 bus. Refuses a database that was made for live data.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from thor import clock, database
from thor.config import Settings
from thor.database import Connection
from thor.domain.sessions import Sessions
from thor.errors import Refused
from thor.flow.publish import Publisher
from thor.market.bus.client import Bus
from thor.market.bus.messages import Claim
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
    """Publish the simulated market until told to stop; waits for servers that are away.

    Raises `Refused` for a database that was made for live data.
    """
    simulator, publisher = persist(
        lambda: _open(settings, bus, database_url, stop, on_wait), stop, on_wait
    )
    for step in simulator.steps():
        if stop.wait((step.at - clock.now()).total_seconds()):
            raise Stopped
        if step.ticks:
            publisher.publish(step.ticks)
        publisher.publish_clock(SOURCE, step.at)


def _open(
    settings: Settings,
    bus: Bus,
    database_url: str,
    stop: Stop,
    on_wait: Callable[[str, int], None],
) -> tuple[Simulator, Publisher]:
    with database.connect(database_url, "simulate") as connection:
        _refuse_live(connection)
        listing = instruments.listing(connection)
        start = clock.now()
        rows = instruments.sessions(connection, start - _SESSIONS_BACK, start + _SESSIONS_AHEAD)
        last_prices = {
            row["symbol"]: row["last"]
            for row in database.rows(
                connection,
                "prices_of_source",
                {
                    "symbols": list(listing.instruments),
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
        listing.instruments,
        Sessions(rows),
        settings.sim_seed,
        start,
        settings.sim_ticks_per_s,
        last_prices=last_prices,
        always_open=settings.sim_always_open,
    )
    skew_max = timedelta(seconds=settings.skew_max_s)
    return simulator, Publisher(bus, listing, stop, claims, on_wait, skew_max)


def _refuse_live(connection: Connection[Any]) -> None:
    nature = instruments.nature(connection)
    if nature != "simulated":
        raise Refused(
            f"The database was made for {nature} data: the simulator stays out. "
            "Point THOR_DATABASE_URL at a simulated one."
        )

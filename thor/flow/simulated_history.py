"""Give a simulated database a history: bars that end where its ticks begin.

Stages: 20 collect → 40 bars. Prices do not jump between them, whether the ticks are still to come
or were stored before.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from thor import database
from thor.config import Settings
from thor.database import Connection
from thor.domain.instrument import Instrument
from thor.market.bars.imported import BarFile, BarImport
from thor.market.collect.simulator.history import DAYS, History, history
from thor.market.collect.simulator.instruments import PROFILES
from thor.market.collect.simulator.market import SOURCE
from thor.reference import instruments

# This time contains so many dates with sessions, weekends and holidays included.
_BACK = timedelta(days=DAYS * 3 // 2 + 14)


def missing_history(
    connection: Connection[Any],
    listed: Mapping[str, Instrument],
    prices: Mapping[str, Decimal],
    start: datetime,
    settings: Settings,
) -> tuple[History, BarFile] | None:
    """Return the bars before the first simulated tick, or None where they are stored already.

    `prices` are where the market begins at `start`; stored ticks, where there are any, take
    precedence.
    """
    values = {"source": SOURCE, "symbols": list(listed)}
    if database.one(connection, "simulated_history", values)["is_there"]:
        return None
    own = {symbol: row for symbol, row in listed.items() if symbol in PROFILES}
    begun = database.rows(connection, "first_prices", values)
    if begun:
        start = min(row["ts"] for row in begun)
        prices = {row["symbol"]: row["last"] for row in begun}
    ends = {symbol: price for symbol, price in prices.items() if symbol in own and price > 0}
    sessions = instruments.sessions(connection, start - _BACK, start)
    found = history(
        own,
        sessions,
        ends,
        start,
        seed=settings.sim_seed,
        ticks_per_s=settings.sim_ticks_per_s,
        pattern=settings.sim_pattern,
    )
    name = f"{SOURCE} {settings.sim_seed} {start.isoformat()}"
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    file = BarFile(
        file=f"BARS:{sha256[:8]}",
        sha256=sha256,
        file_name="simulated history",
        format="simulated",
        vendor=SOURCE,
        records=sum(len(bars.start_us) for bars in found.bars),
    )
    return found, file


def write_history(url: str, listed: Mapping[str, Instrument], found: History, file: BarFile) -> int:
    """Write the bars in one transaction; returns how many.

    Raises `Refused` where other bars are stored there already.
    """
    with database.connect(url, "history") as connection, database.transaction(connection):
        intake = BarImport(connection, file)
        intake.open_stage()
        intake.stage(enumerate(found.rows(listed), 1))
        # Its wider bars are its own, and end where its ticks begin.
        written = intake.take(replace=False, makes_wider=False)
        database.rows(connection, "analyse_bars_imported")
    return written

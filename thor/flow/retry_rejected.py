"""Publish refused ticks again, once the cause was removed.

Stages: 30 ticks → 25 bus. A tick keeps its identity, so a second retry adds nothing.
"""

from typing import Any

import msgspec

from thor import database
from thor.database import Connection
from thor.domain.tick import Tick
from thor.market.bus.client import Bus

_decoder = msgspec.json.Decoder(Tick)


def retry_rejected(
    connection: Connection[Any], bus: Bus, symbol: str | None, limit: int
) -> tuple[int, int]:
    """Publish the newest refused ticks again; returns how many, and how many cannot be.

    Each is validated again, so one that is still wrong becomes a new row.
    """
    values = {"symbol": symbol, "limit": limit, "unretried": True}
    found = database.rows(connection, "rejected_ticks", values)
    by_source: dict[str, list[Tick]] = {}
    retried: list[int] = []
    for row in reversed(found):
        try:
            tick = _decoder.decode(row["payload"])
        except msgspec.DecodeError:
            continue
        again = msgspec.structs.replace(tick, refused=None, refused_value=None)
        by_source.setdefault(tick.source, []).append(again)
        retried.append(row["rejected_id"])
    for ticks in by_source.values():
        bus.publish(ticks)
    database.rows(connection, "mark_retried", {"rejected_ids": retried})
    return len(retried), len(found) - len(retried)

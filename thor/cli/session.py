"""`thor session`: whether a symbol trades at a moment.

Reads reference.sessions.
"""

from typing import Annotated

import typer

from thor.cli.common import AsJson, instant, open_database, show


def session(
    symbol: Annotated[str, typer.Argument(help="Root, month or alias.")] = "ES",
    at: Annotated[str | None, typer.Option(help="The moment, ISO 8601 with its zone; now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the trading session of a symbol: its state, hours, and when it opens next, UTC."""
    from datetime import UTC, datetime

    from thor import clock
    from thor.domain import timestamps
    from thor.reference import sessions

    moment = instant(at, "--at") or clock.now()
    with open_database() as connection:
        found = sessions.state(connection, symbol, moment.astimezone(UTC))
    row = {
        name: timestamps.format_utc(value) if isinstance(value, datetime) else value
        for name, value in found.items()
    }
    show([{"symbol": symbol, "as_of": timestamps.format_utc(moment), **row}], "session",
         as_json=as_json)  # fmt: skip

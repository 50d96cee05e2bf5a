"""`thor bars rebuild`: rebuild the bars of a range from their ticks.

Calls `thor.market.bars.refresh`; an interrupted rebuild resumes.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from thor.cli.common import console, instant, open_database, progress_bar
from thor.errors import Rejected

_DAY_LENGTH = len("2026-11-22")


def rebuild(
    start: Annotated[str, typer.Option("--from", help="First instant, or first UTC day.")],
    end: Annotated[str, typer.Option("--to", help="First instant after it, or last UTC day.")],
    drop_empty: Annotated[
        bool, typer.Option("--drop-empty", help="Delete bars whose ticks are gone.")
    ] = False,
) -> None:
    """Rebuild all bars of a range from its ticks; dropped ranges stay as they are."""
    from thor.market.bars import refresh

    first, last = _bound(start, "--from"), _bound(end, "--to")
    if len(end) == _DAY_LENGTH:
        last += timedelta(days=1)
    with open_database() as connection, progress_bar() as bar:
        task = bar.add_task("rebuilding bars", total=None)
        for done, slices in refresh.rebuild(connection, first, last, drop_empty=drop_empty):
            bar.update(task, completed=done, total=slices)
    console.print(f"the bars from {first.isoformat(' ')} to {last.isoformat(' ')} are rebuilt")


def _bound(text: str, name: str) -> datetime:
    found = instant(f"{text}T00:00:00Z" if len(text) == _DAY_LENGTH else text, name)
    if found is None:
        raise Rejected(f"{name}: give a UTC day, or an ISO 8601 time with its zone")
    return found.astimezone(UTC)

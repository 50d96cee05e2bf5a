"""`thor status`: the processes of this home."""

from datetime import datetime
from typing import Any

import typer

from thor.cli.common import AsJson, console, show
from thor.config import Settings


def status(as_json: AsJson = False) -> None:
    """Show what runs in this home, since when, and how often it was restarted."""
    from thor import clock
    from thor.ops import checks, collectors
    from thor.services.home import Home
    from thor.services.status import read_status

    home = Home(Settings().home)
    found = read_status(home)
    now = clock.now()
    faults = checks.faults_of_home(home, found, now)
    is_live = found.is_alive and found.nature == "live"
    # A report of an earlier run does not apply to a run without a feed.
    feeds = [
        feed
        for feed in collectors.of_home(home)
        if is_live or (now - feed.at).total_seconds() < collectors.SILENT_S
    ]
    rows = [
        {
            "name": process.name,
            "kind": process.kind,
            "state": "failing" if process.name in faults else process.state,
            "pid": process.process.pid if process.process else None,
            "since": process.started_at.isoformat(" ", "seconds") if process.started_at else None,
            "restarts": process.restarts,
            "last exit": process.last_exit,
            "reason": faults.get(process.name, process.reason),
            "log": process.log,
        }
        for process in found.processes.values()
    ]
    rows += [feed_row(feed, now) for feed in feeds]
    if found.is_alive:
        rows += feature_rows()
    runs = f"running, {found.nature} market" if found.is_alive else "not running"
    title = f"Thor in {found.home}: {runs}"
    if not rows and not as_json:
        console.print(f"{title}; start it with `thor up`", markup=False)
        raise typer.Exit(5)
    show(rows, title, as_json=as_json)
    if not found.is_alive:
        raise typer.Exit(5)


def feed_row(feed: Any, now: datetime) -> dict[str, Any]:
    """Return a live feed as a row beside the processes: its state, since when, and why."""
    from thor.ops import collectors

    silent_s = (now - feed.at).total_seconds()
    is_silent = silent_s > collectors.SILENT_S
    reasons = [feed.reason, *feed.faults]
    return {
        "name": feed.source,
        "kind": "feed",
        "state": "silent" if is_silent else feed.state,
        "pid": None,
        "since": (feed.at if is_silent else feed.since).isoformat(" ", "seconds"),
        "restarts": None,
        "last exit": None,
        "reason": collectors.fault(feed, now) if is_silent else "; ".join(filter(None, reasons)),
        "log": None,
    }


def feature_rows() -> list[dict[str, Any]]:
    """Return how far the stored features are, a row a width.

    There is none where no database answers, or where it has no store yet.
    """
    from thor import database
    from thor.cli.common import open_database
    from thor.cli.features import state_of
    from thor.errors import ThorError

    try:
        with open_database() as connection:
            found = database.rows(connection, "feature_status")
    except (ThorError, database.DriverError):
        return []
    return [
        {
            "name": f"features_{row['width']}",
            "kind": "store",
            "state": "filling" if row["days_to_make"] >= 1 else "whole",
            "pid": None,
            "since": None,
            "restarts": None,
            "last exit": None,
            "reason": f"to make: {state_of(row)}" if row["days_to_make"] >= 1 else None,
            "log": None,
        }
        for row in found
    ]

"""`thor db jobs`: the jobs that keep bars current, their last runs and their errors.

Reads TimescaleDB's statistics of its policies, and the ranges that wait for the job bars.
"""

import json
import sys
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from thor.cli.common import console, notes, open_database, show


def jobs(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the policies of the database with their last errors, and stale bars."""
    from thor import database
    from thor.database import edition

    with open_database("owner") as connection:
        made = edition.found(connection)
        is_community = made is not None and made.is_timescale
        policies = database.rows(connection, "policies") if is_community else []
        waiting = database.one(connection, "bars_waiting")
        rebuilds = database.one(connection, "rebuilds")
    if as_json:
        found = {
            "edition": None if made is None else made.edition,
            "policies": policies,
            "waiting": waiting,
            "rebuilds": rebuilds,
        }
        json.dump(found, sys.stdout, default=str, indent=2)
        sys.stdout.write("\n")
        return
    if is_community:
        _print_policies(policies)
    _print_bars(waiting, rebuilds)


def _print_policies(policies: list[dict[str, Any]]) -> None:
    from thor import clock

    now = clock.now()
    rows = [
        {
            "job": policy["job"],
            "does": f"{policy['policy']} {policy['target'].removeprefix('market.')}".strip(),
            "every": policy["every"],
            "last success": _from(now, policy["last_success"]),
            "status": policy["status"] or "never ran",
            "failed": f"{policy['failures']} of {policy['runs']}",
            "next": _from(now, policy["next_start"]),
        }
        for policy in policies
    ]
    show(rows, "policies", as_json=False)
    for policy in policies:
        if policy["last_error"]:
            at = policy["last_error_at"] or "unknown"
            console.print(f"last error of job {policy['job']}, {at}: {policy['last_error']}")
    hidden = sum(not policy["is_error_visible"] for policy in policies)
    if hidden:
        notes.print(
            f"the errors of {hidden} policies are hidden from this user: only the owner of the "
            "database or of the job sees them"
        )


def _from(now: datetime, at: datetime | None) -> str:
    if at is None:
        return "never"
    apart = timedelta(seconds=round(abs(now - at).total_seconds()))
    return f"{apart} ago" if at <= now else f"in {apart}"


def _print_bars(waiting: dict[str, Any], rebuilds: dict[str, Any]) -> None:
    if waiting["ranges"]:
        console.print(
            f"bars: ranges that wait to be refreshed: {waiting['ranges']}, the oldest since "
            f"{waiting['oldest']}, ticks of {waiting['ts_from']} to {waiting['ts_to']}"
        )
    else:
        console.print("bars: no range waits to be refreshed")
    if rebuilds["slices"]:
        console.print(
            f"rebuilds: {rebuilds['slices_left']} of {rebuilds['slices']} slices are left, the "
            f"last was done {rebuilds['last_rebuilt_at'] or 'never'}"
        )

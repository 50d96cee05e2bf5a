"""`thor status`: what runs in this home."""

import typer

from thor.cli.common import AsJson, show
from thor.config import Settings


def status(as_json: AsJson = False) -> None:
    """Tell what runs in this home, since when, and how often it was restarted."""
    from thor import clock
    from thor.ops import checks
    from thor.services.home import Home
    from thor.services.status import read_status

    home = Home(Settings().home)
    found = read_status(home)
    faults = checks.faults_of_home(home, found, clock.now())
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
    runs = f"running, {found.nature} market" if found.is_alive else "not running"
    title = f"Thor in {found.home}: {runs}"
    show(rows, title, as_json=as_json)
    if not found.is_alive:
        raise typer.Exit(5)

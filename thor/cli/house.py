"""`thor up`, `thor status`, `thor doctor`: the house as a whole.

Door. Starts servers and jobs, shows what runs, and tells what is wrong.
"""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from thor.cli.place import notes, show
from thor.config import Settings
from thor.errors import Rejected

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def up(
    tape: Annotated[
        list[Path] | None,
        typer.Option(
            "--tape",
            help="Play a file of recorded ticks, in a database for recorded days; repeatable.",
        ),
    ] = None,
    speed: Annotated[
        str | None, typer.Option(help="Of the tapes: 1x, 10x, 0.5x … or max; 1x.")
    ] = None,
) -> None:
    """Start everything, migrate, and show quotes until Ctrl-C: simulated, or of tapes."""
    from thor import clock, observe
    from thor.cli import screen
    from thor.flow.backoff import Stop
    from thor.market.collect.pace import parse_speed
    from thor.services.house import running
    from thor.services.nature import USUAL

    if speed is not None and not tape:
        raise Rejected("--speed: says how fast tapes are played; name one with --tape FILE")
    times = parse_speed(speed or "1x")
    settings = Settings()
    nature = "recorded" if tape else settings.nature or USUAL
    settings = settings.model_copy(update={"nature": nature})
    observe.configure("warning", "console")
    stop = Stop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    start_s = clock.monotonic_s()
    notes.print(f"starting Thor in {settings.home}")
    with (
        ThreadPoolExecutor(1) as pool,
        running(settings, tell=_tell, appendfsync=settings.bus_fsync) as house,
    ):
        _migrate(settings, house.endpoints.database_url)
        player = _player(settings, house, tape, stop)
        jobs = _jobs(settings, house)
        if stop:
            return
        house.supervisor.add(*jobs)
        screen.front_door(settings, house, jobs)
        playing = None if player is None else pool.submit(player.play, times)
        try:
            screen.quotes(house, stop, start_s, player, playing)
        finally:
            stop.set()
        notes.print("stopping")


def status(as_json: AsJson = False) -> None:
    """Tell what runs in this home, since when, and how often it was restarted."""
    from thor.services.home import Home
    from thor.services.status import read_status

    found = read_status(Home(Settings().home))
    rows = [
        {
            "name": process.name,
            "kind": process.kind,
            "state": process.state,
            "pid": process.process.pid if process.process else None,
            "since": process.started_at.isoformat(" ", "seconds") if process.started_at else None,
            "restarts": process.restarts,
            "last exit": process.last_exit,
            "reason": process.reason,
            "log": process.log,
        }
        for process in found.processes.values()
    ]
    runs = f"running, {found.nature} market" if found.is_alive else "not running"
    title = f"Thor in {found.home}: {runs}"
    show(rows, title, as_json=as_json)
    if not found.is_alive:
        raise typer.Exit(5)


def doctor(as_json: AsJson = False) -> None:
    """Tell what this machine has and what is wrong with it; exit 1 where something is."""
    from thor.cli import checkup

    findings = checkup.findings(Settings())
    show(findings, "doctor", as_json=as_json)
    if any(finding["verdict"] == "wrong" for finding in findings):
        raise typer.Exit(1)


def _tell(text: str, **more: Any) -> None:
    notes.print(f"  {text}", *(f"{key}={value}" for key, value in more.items()))


def _migrate(settings: Settings, url: str) -> None:
    from thor import clock, contracts, database, reference, schema

    def report(text: str) -> None:
        notes.print(f"  migrating: {text}")

    schema.up(url, settings.nature, report, settings.edition)
    with database.connect(url, "up") as connection:
        kept = reference.renew_sessions(connection, clock.now().date())
        contracts.compute(connection)
    if kept:
        notes.print(f"  {kept} trading sessions computed")


def _player(settings: Settings, house: Any, tapes: list[Path] | None, stop: Any) -> Any:
    """Open the tapes before anything is shown: what is wrong with one ends the start."""
    from thor.flow.play_tapes import TapePlayer

    if not tapes:
        return None
    urls = house.endpoints
    player = TapePlayer(settings, urls.database_url, urls.redis_url, stop)
    player.open(tapes)
    return player


def _jobs(settings: Settings, house: Any) -> list[Any]:
    from thor.services.supervised import JobSpec

    port = house.home.choose_port("api", settings.api_port)
    env = {**settings.environment(), "THOR_HOME": str(house.home.path), "THOR_API_PORT": str(port)}
    python = sys.executable
    names = [f"ingest-{number}" for number in range(1, settings.ingestors + 1)]
    jobs = [JobSpec(name, (python, "-m", "jobs.ingest", name), env) for name in names]
    jobs.append(JobSpec("api", (python, "-m", "jobs.api"), env))
    for name in ("bars", "gaps"):
        jobs.append(JobSpec(name, (python, "-m", f"jobs.{name}"), env))
    if settings.nature == "simulated":
        jobs.append(JobSpec("simulate", (python, "-m", "jobs.simulate"), env))
    return jobs

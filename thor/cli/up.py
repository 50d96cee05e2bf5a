"""`thor up`: start the servers and the jobs, and show live quotes."""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from thor.cli.common import tell
from thor.config import Settings
from thor.errors import Refused, Rejected


def up(
    tape: Annotated[
        list[Path] | None,
        typer.Option(
            "--tape",
            help="Play a file of recorded ticks, in a database for recorded days; repeatable.",
        ),
    ] = None,
    speed: Annotated[
        str | None, typer.Option(help="Speed of the tapes: 1x, 10x, 0.5x … or max; 1x.")
    ] = None,
    is_opened: Annotated[
        bool,
        typer.Option("--open/--no-open", help="Open the pages in a browser where there is one."),
    ] = True,
    live: Annotated[
        bool,
        typer.Option("--live", help="Collect live quotes, in a database for live data."),
    ] = False,
) -> None:
    """Start everything, migrate, and show quotes until Ctrl-C: simulated, of tapes, or live."""
    from thor import clock, observe
    from thor.cli.up_quotes import Display, wait
    from thor.market.collect.files.pace import parse_speed
    from thor.people.reach import checked_host
    from thor.runtime import Stop
    from thor.services.nature import USUAL
    from thor.services.pages import PagesBuild
    from thor.services.running import running

    if speed is not None and not tape:
        raise Rejected("--speed: is the speed of tapes; name one with --tape FILE")
    if live and tape:
        raise Rejected("--live: tapes are played in a database of their own; give one of the two")
    times = parse_speed(speed or "1x")
    settings = Settings()
    nature = "recorded" if tape else "live" if live else settings.nature or USUAL
    settings = settings.model_copy(update={"nature": nature})
    if nature == "live":
        if settings.auth == "off":
            raise Refused("THOR_AUTH: off is never for a live database; leave it at auto")
        _note_feeds(settings)
    checked_host(settings)
    observe.configure("warning", "console")
    stop = Stop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    start_s = clock.monotonic_s()
    tell(f"starting Thor in {settings.home}")
    with (
        ThreadPoolExecutor(1) as pool,
        PagesBuild() as pages,
        running(settings, report=_report, appendfsync=settings.bus_fsync) as system,
    ):
        if stop:
            return
        _migrate(settings, system)
        player = _player(settings, system, tape, stop)
        jobs = _jobs(settings, system)
        if stop:
            return
        _note_people(settings, system)
        system.supervisor.add(*jobs)
        playing = None if player is None else pool.submit(player.play, times)
        display = Display(settings, system, jobs, stop, start_s, player, playing)
        if is_opened:
            pages.open_browser(display.address)
        display.start()
        try:
            wait(stop, playing)
        finally:
            stop.set()
            display.end()
        tell("stopping")
    display.leave()


def _report(text: str, **more: Any) -> None:
    tell(f"  {text}", *(f"{key}={value}" for key, value in more.items()))


def _note_feeds(settings: Settings) -> None:
    """Print which setting starts which feed where none is configured."""
    from thor.flow.feeds import FEEDS, configured

    if not configured(settings):
        tell("no feed is configured; nothing is collected until one is:")
        for feed in FEEDS:
            tell(f"  {feed.setting}=… starts {feed.provider}")


def _note_people(settings: Settings, system: Any) -> None:
    """Print why the API will not serve yet: an owner can be set up only while the database runs."""
    from thor.people.reach import check_people

    try:
        check_people(settings, system.endpoints.database_url)
    except Refused as error:
        tell(f"  the API waits, and has no pages until then: {error}")


def _migrate(settings: Settings, system: Any) -> None:
    from thor import clock, database
    from thor.database import roles, schema
    from thor.reference import contracts, instruments
    from thor.services.running import passwords

    def report(text: str) -> None:
        tell(f"  migrating: {text}")

    url = system.endpoints.admin_url
    schema.up(url, settings.nature, report, settings.edition)
    roles.set_passwords(url, passwords(system.home, settings))
    if lacks := roles.missing(url):
        tell(f"  {lacks}")
    with database.connect(system.endpoints.database_url, "up") as connection:
        kept = instruments.renew_sessions(
            connection, clock.now().date(), ignores_hours=settings.sim_always_open
        )
        contracts.compute(connection)
        instruments.set_quote_limits(connection, settings.stale_s, settings.dead_s)
    if kept:
        tell(f"  {kept} trading sessions computed")


def _player(settings: Settings, system: Any, tapes: list[Path] | None, stop: Any) -> Any:
    """Open the tapes first: a fault in one ends the start."""
    from thor.flow.play_tapes import TapePlayer

    if not tapes:
        return None
    urls = system.endpoints
    player = TapePlayer(settings, urls.database_url, urls.redis_url, stop)
    player.open(tapes)
    return player


def _port(settings: Settings, home: Any) -> int:
    """Return the API's port: the one that is set, or another, which is named."""
    asked = settings.api_port
    port: int = home.choose_port("api", asked)
    if asked and port != asked:
        if "api_port" in settings.model_fields_set:
            raise Refused(
                f"THOR_API_PORT: {asked} is taken by another process; free it, name another, or "
                "take the setting out"
            )
        tell(
            f"  port {asked} is taken by another process: the API and its pages are at {port}; "
            "THOR_API_PORT names another"
        )
    return port


def _jobs(settings: Settings, system: Any) -> list[Any]:
    from jobs import running_with
    from thor.market.bus.client import Bus
    from thor.services.nature import USUAL
    from thor.services.supervised import JobSpec

    # Jobs that this run does not have would be reported as missing.
    Bus(system.endpoints.redis_url).forget_reports()
    port = _port(settings, system.home)
    env = {**settings.environment(), "THOR_HOME": str(system.home.path), "THOR_API_PORT": str(port)}
    python = sys.executable
    return [
        JobSpec(name, (python, *arguments), env)
        for name, arguments in running_with(settings.nature or USUAL, settings)
    ]

"""Run a job: settings, logs, signals, heartbeat, and the one broad `except` of the system.

The exit code tells the supervisor what to do: see `thor.errors`.
"""

import signal
import sys
from collections.abc import Callable
from typing import Any

from jobs import job_of
from thor import observe
from thor.config import Settings
from thor.errors import ThorError
from thor.market.bus.client import Bus
from thor.ops import heartbeat
from thor.ops.heartbeat import Beat, Heartbeat
from thor.runtime import Stop, Stopped
from thor.services.home import Home
from thor.services.running import endpoints

type_of_main = Callable[[Settings, Stop, Any], None]


def run(main: type_of_main, process: str) -> None:
    """Call `main(settings, stop, log)` until it returns; SIGINT and SIGTERM set `stop`."""
    settings = Settings()
    observe.configure(settings.log_level, settings.log_format)
    log = observe.logger(process)
    home = Home(settings.home)
    file = home.heartbeat(process)
    within_s = job_of(process).turn_within_s
    with Heartbeat(process, file, within_s, _Report(home, settings)) as stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        try:
            main(settings, stop, log)
        except Stopped:
            log.info("stopped while waiting")
        except ThorError as error:
            log.error(str(error), kind=type(error).__name__)
            stop.report_failed(observe.redacted(str(error)))
            sys.exit(error.exit_code)
        except Exception as error:
            log.exception("failed")
            stop.report_failed(f"{type(error).__name__}: see the job's log")
            sys.exit(1)


class _Report:
    """Reports a job's beats to the bus, which it connects to when it is first there."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._settings = settings
        self._bus: Bus | None = None

    def __call__(self, beat: Beat) -> None:
        """Report a beat. Raises `Unavailable` while the bus is away."""
        if self._bus is None:
            self._bus = Bus(endpoints(self._home, self._settings).redis_url)
        self._bus.report(beat.job, heartbeat.fields(beat))

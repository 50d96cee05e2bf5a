"""Run a job: settings, logs, signals, and the one broad `except` of the house.

The exit code says what the supervisor should do: see `thor.errors`.
"""

import signal
import sys
from collections.abc import Callable
from typing import Any

from thor import observe
from thor.config import Settings
from thor.errors import ThorError
from thor.runtime import Pulse, Stop, Stopped
from thor.services.home import Home

type_of_main = Callable[[Settings, Stop, Any], None]


def run(main: type_of_main, name: str) -> None:
    """Call `main(settings, stop, log)` until it returns; SIGINT and SIGTERM wish it to."""
    settings = Settings()
    observe.configure(settings.log_level, settings.log_format)
    log = observe.logger(name)
    stop = Pulse(Home(settings.home).run / f"{name}.pulse")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        main(settings, stop, log)
    except Stopped:
        log.info("stopped while waiting")
    except ThorError as error:
        log.error(str(error), kind=type(error).__name__)
        sys.exit(error.exit_code)
    except Exception:
        log.exception("failed")
        sys.exit(1)

"""Run what is due by ops.jobs until stopped.

Reads ops.jobs and reference.sessions; writes ops.job_runs and ops.job_states.
"""

from typing import Any

from jobs.run import run
from thor.config import Settings
from thor.ops.scheduler import Scheduler
from thor.runtime import Stop, persist
from thor.services.home import Home
from thor.services.running import database_url

_EVERY_S = 0.25


def main(settings: Settings, stop: Stop, log: Any) -> None:
    """Look four times a second; runs go on while the database is away."""
    scheduler = Scheduler(database_url(Home(settings.home), settings), stop, log)
    try:
        while not stop.wait(_EVERY_S):
            persist(
                scheduler.turn,
                stop,
                lambda why, n: log.info("waiting", reason=why, attempt=n),
            )
    finally:
        scheduler.close()


if __name__ == "__main__":
    run(main, "scheduler")

"""Check a job of this home: `python -m jobs.healthcheck ingest-1`.

For docker compose. Exits with 1 and one line where it is not.
"""

import sys

from thor import clock
from thor.config import Settings
from thor.ops import checks
from thor.services.home import Home


def main(job: str) -> str | None:
    """Return the fault of a job, None where it is well or waits for a server."""
    beat = checks.beat_of_home(Home(Settings().home), job)
    if beat is None:
        return f"{job} has left no heartbeat"
    # A restart would not help a job that waits for a server.
    return None if beat.state == "waiting" else checks.job_fault(beat, clock.now())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

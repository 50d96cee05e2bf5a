"""The registry of jobs: each is a process that can be run alone, `python -m jobs.<name>`.

`thor up`, docker compose and the health checks read it. A job that runs always is started with
Thor and started again when it ends; one that ends when its work is done is started by hand or
by the scheduler, by its row in ops.jobs.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from thor.config import Settings
from thor.domain.nature import NATURES, Nature
from thor.errors import NotFound
from thor.flow.feeds import configured as feeds_of

# Long enough for one transaction that waits for another.
_TURN_S = 60.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job: its name, when it runs, for which data, and how often its loop must turn.

    A feed's collector runs where the feed is configured.
    """

    name: str
    runs: Literal["always", "scheduled"] = "always"
    natures: tuple[Nature, ...] = NATURES
    is_numbered: bool = False
    is_feed: bool = False
    turn_within_s: float = _TURN_S

    @property
    def module(self) -> str:
        """The module that is the job's process."""
        return f"jobs.{self.name}"

    def processes(self, count: int) -> list[tuple[str, tuple[str, ...]]]:
        """Return each process's name and its arguments after the interpreter's."""
        if not self.is_numbered:
            return [(self.name, ("-m", self.module))]
        names = [f"{self.name}-{number}" for number in range(1, count + 1)]
        return [(name, ("-m", self.module, name)) for name in names]


JOBS: tuple[Job, ...] = (
    Job(name="ingest", is_numbered=True),
    Job(name="api"),
    # A refresh of long stale ranges, and the first scan for gaps, read the whole database.
    Job(name="bars", turn_within_s=600.0),
    Job(name="gaps", turn_within_s=900.0),
    # The first turn looks at every trade date.
    Job(name="extremes", turn_within_s=600.0),
    # One long range of an old bar, in all that looks back on it.
    Job(name="features", turn_within_s=600.0),
    # A downtime of days is made up for in one turn.
    Job(name="infer", turn_within_s=600.0),
    # A capture of the past searches the ticks for each value.
    Job(name="start_market_grader", turn_within_s=600.0),
    Job(name="markets"),
    Job(name="trade"),
    Job(name="simulate", natures=("simulated",)),
    # Its loop turns once an interval, and waits while another process has the lease.
    Job(name="poll_tos_excel", natures=("live",), is_feed=True, turn_within_s=600.0),
    Job(name="scheduler"),
    Job(name="export_trade_date", runs="scheduled", turn_within_s=86_400.0),
    Job(name="drop_old_ticks", runs="scheduled", turn_within_s=86_400.0),
)


def job_of(process: str) -> Job:
    """Return the job of a process by its name; `ingest-2` is a process of `ingest`.

    Raises `NotFound`.
    """
    for job in JOBS:
        if process == job.name or (job.is_numbered and process.startswith(f"{job.name}-")):
            return job
    raise NotFound(f"job: {process} is none of {', '.join(job.name for job in JOBS)}")


def running_with(nature: Nature, settings: Settings) -> Sequence[tuple[str, tuple[str, ...]]]:
    """Return the processes that run as long as Thor does, for data of this nature.

    Raises `Rejected` where a feed is named and not configured.
    """
    feeds = {feed.job for feed in feeds_of(settings)} if nature == "live" else set()
    off = set() if settings.monitor_52w else {"extremes"}
    jobs = [
        job
        for job in JOBS
        if job.runs == "always"
        and nature in job.natures
        and job.name not in off
        and (not job.is_feed or job.name in feeds)
    ]
    return [process for job in jobs for process in job.processes(settings.ingestors)]

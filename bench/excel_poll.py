"""One poll of the desk's sheet, read to published, against a bare publish of the same ticks.

Every poll changes all rows, as in a fast market. The two take turns in one run, so that
what else the machine does weighs on both. Prints the medians and their ratio.

    python bench/excel_poll.py --polls 400
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from excel_made import LISTING, SAMPLE

from thor.config import Settings
from thor.flow.collect import Outlet
from thor.flow.lease import Lease
from thor.flow.publish import Publisher
from thor.flow.spill import Spill
from thor.market.bus.client import Bus
from thor.market.bus.messages import Claim
from thor.market.collect.excel.collector import ExcelCollector
from thor.market.collect.excel.sheet import Block
from thor.runtime import Stop
from thor.services.home import Home
from thor.services.running import start_servers
from thor.services.server import stop_all


class Sheet:
    """The desk's sheet of 12 rows, in which every last price moves at each reading."""

    def __init__(self) -> None:
        self.values = [list(row) for row in SAMPLE[:12]]
        spare = list(SAMPLE[2])
        spare[1] = "/ESZ25:XCME"
        self.values.append(spare)
        self.turn = 0

    def read(self) -> Block:
        """Return the block with every row moved by a tick."""
        self.turn += 1
        for row in self.values[1:]:
            row[12] = 10 + self.turn % 500
        return Block(self.values)

    def close(self) -> None:
        """Do nothing."""


def timed(do: Callable[[], Any]) -> tuple[float, Any]:
    start_s = time.perf_counter()
    done = do()
    return (time.perf_counter() - start_s) * 1000, done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polls", type=int, default=400)
    polls = parser.parse_args().polls
    with tempfile.TemporaryDirectory(prefix="thor-bench-") as folder:
        Path(folder).chmod(0o755)
        settings = Settings(home=Path(folder) / "home", _env_file=None)  # type: ignore[call-arg]
        home = Home(settings.home)
        with home.lock():
            urls, servers = start_servers(home, settings, report=lambda *_, **__: None)
            try:
                measure(urls.redis_url, Path(folder), polls)
            finally:
                stop_all(servers)


def measure(redis_url: str, folder: Path, polls: int) -> None:
    bus = Bus(redis_url)
    claims = {symbol: Claim(20, 10_000) for symbol in LISTING.series}
    publisher = Publisher(bus, LISTING, Stop(), claims, waits=False)
    outlet = Outlet("EXCEL", publisher, Spill(folder / "spill.jsonl"))
    lease = Lease(bus, "EXCEL", 20)
    # Each reading opens a second, as one every two seconds does: its clock is published too.
    # The polls end now: what is ahead of the bus's clock is refused.
    now = [datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=2 * (polls + 21))]
    collector = ExcelCollector(
        Sheet(), LISTING, now=lambda: now[0], monotonic_s=time.monotonic, wait=lambda _: False
    )

    def poll() -> Any:
        step = collector.poll()
        assert lease.hold()
        outlet.emit(step)
        assert not outlet.reason, outlet.reason
        return step

    whole, bare = [], []
    for turn in range(polls + 20):
        now[0] += timedelta(seconds=2)
        whole_ms, step = timed(poll)
        bare_ms, _ = timed(lambda ticks=step.ticks: bus.publish(ticks, claims))
        if turn >= 20:
            whole.append(whole_ms)
            bare.append(bare_ms)
    ticks = len(step.ticks)
    poll_ms, bare_ms = statistics.median(whole), statistics.median(bare)
    print(f"{polls} polls of {ticks} ticks, appendfsync always")
    print(f"poll, read to published: {poll_ms:.3f} ms")
    print(f"bare publish:            {bare_ms:.3f} ms")
    print(f"ratio:                   {poll_ms / bare_ms:.2f}")


if __name__ == "__main__":
    main()

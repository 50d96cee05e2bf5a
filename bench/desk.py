"""What the desk's signals and the TOTAL cost beside the quotes that they are computed from.

Round robin on one connection, over the same ticks of eleven symbols and ten days, as of a moment
after all ticks: `quotes_at` alone, `signals_at`, `total_at`, and the last two as the stream asks
for them once a second.
"""

import argparse
import statistics
from datetime import timedelta

import psycopg
from quotes import fill, timed
from workbench import (
    MARKET_START,
    Workbench,
    add_edition,
    arguments,
    editions,
    goal,
    machine,
    table,
    thousands,
    workbench,
)

ROUNDS = 200
AIM = 3
WAYS = {
    "quotes_at": ("select * from market.quotes_at(%(as_of)s)",),
    "signals_at": ("select * from studies.signals_at(%(as_of)s)",),
    "total_at": ("select * from studies.total_at(%(as_of)s)",),
    "both": (
        "select * from studies.signals_at(%(as_of)s)",
        "select * from studies.total_at(%(as_of)s)",
    ),
    "extremes": ("select * from studies.extremes(%(as_of)s)",),
}


def measure(found: Workbench, count: int) -> None:
    """Print the cost of each way of asking, and its ratio to that of the quotes."""
    with found.database() as url:
        fill(url, count)
        with psycopg.connect(url, autocommit=True) as connection:
            values = {"as_of": MARKET_START + timedelta(seconds=1)}
            cost: dict[str, list[float]] = {name: [] for name in WAYS}
            for _ in range(ROUNDS):
                for name, queries in WAYS.items():

                    def ask(queries: tuple[str, ...] = queries) -> None:
                        for query in queries:
                            connection.execute(query.encode(), values).fetchall()

                    cost[name].append(timed(ask))
    # The least of each: on a machine that does other things too, medians are theirs.
    least = min(cost["quotes_at"])
    rows: list[list[object]] = []
    for name, spent in cost.items():
        middle = statistics.median(spent)
        rows.append([name, f"{min(spent):.2f}", f"{middle:.2f}", f"{min(spent) / least:.1f}"])
    table(("ms a call", "least", "median", "× quotes_at"), rows)
    ratio = min(cost["both"]) / least
    goal(f"signals_at + total_at ≤ {AIM} × quotes_at", f"{ratio:.1f} ×", ratio <= AIM)


def add(parser: argparse.ArgumentParser) -> None:
    """Take the edition and how many ticks there are."""
    add_edition(parser)
    parser.add_argument("--ticks", type=int, default=500_000, help="ticks in all")


def main() -> None:
    """Measure on each edition that is here."""
    given = arguments(__doc__ or "", add)
    count = 100_000 if given.quick else given.ticks
    for edition in editions(given.edition):
        with workbench(edition=edition) as found:
            machine(found.versions())
            print(f"{edition}, {thousands(count)} ticks")
            measure(found, count)


if __name__ == "__main__":
    main()

"""What each panel of Grafana's dashboards costs, over a store of many ticks.

`--ticks` of eleven symbols fill the days before `MARKET_START`, a tick a second of each; every
panel's SQL is then run as `thor_grafana`, its macros filled for the range that its dashboard opens
with, and for the whole day. Beside it: the count of the range's ticks by the index alone, the
least that an answer which reads ticks has to look up. A panel is good that takes 500 ms at most, or
ten times that count.
"""

import argparse
import json
import statistics
import sys
import time
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from workbench import (
    MARKET_START,
    REPO,
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

from thor.database import roles
from thor.services.running import as_user

sys.path.append(str(REPO / "ops" / "grafana"))

from macros import filled

ROUNDS = 3
MOST_MS = 500.0
_PASSWORD = "of-the-bench"
_STEP = 500_000
FILL = """
insert into market.ticks (
    ts, symbol, seq, source, last, bid, ask, last_size, bid_size, ask_size, side, volume,
    volume_delta, is_trade, is_sampled, received_at, created_at
)
select
    t.ts, s.symbol, n.n * 11 + s.nth, 'SIM', p.price, p.price - 0.25, p.price + 0.25, 1, 5, 6,
    case when n.n % 2 = 0 then 'B' else 'S' end, n.n, 1, true, false,
    t.ts + interval '20 ms', t.ts + interval '60 ms'
from generate_series({first}, {last}) as n (n)
cross join unnest(array['ES','NQ','YM','RTY','CL','SI','HG','GC','VX','DX','ZB'])
    with ordinality as s (symbol, nth)
cross join lateral (select {start}::timestamptz + n.n * interval '1 s' as ts) as t
cross join lateral (select (5000 + 0.25 * (hashint8(n.n / 60 * 11 + s.nth) % 40))::numeric as price)
    as p
order by s.symbol, t.ts
"""
# As the ingestor keeps them.
LAST = """
insert into market.last_values
select v.* from (
    select distinct s.symbol, d.day
    from unnest(array['ES','NQ','YM','RTY','CL','SI','HG','GC','VX','DX','ZB']) as s (symbol)
    cross join (select distinct trade_date from bars_1h) as d (day)
) as k
cross join lateral market.last_values_of(k.symbol, k.day) as v
"""


def fill(url: str, count: int) -> datetime:
    """Insert the ticks and all that goes with them; returns the instant of the first."""
    seconds = count // 11
    start = MARKET_START - timedelta(seconds=seconds)
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(0, seconds, _STEP // 11):
            last = min(first + _STEP // 11, seconds) - 1
            text = sql.SQL(FILL).format(first=first, last=last, start=start)
            connection.execute(text)
        connection.execute(LAST)
        connection.execute("vacuum analyze market.ticks")
        connection.execute("analyze")
    return start


def measured(connection: psycopg.Connection[Any], text: str) -> tuple[int, float]:
    """Return the rows of an answer and its median time in ms."""
    took = []
    rows = 0
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        rows = len(connection.execute(text.encode()).fetchall())
        took.append((time.perf_counter() - begun) * 1000)
    return rows, statistics.median(took)


def panels() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return each panel with its dashboard and that one's first values of the variables."""
    found = []
    for file in sorted((REPO / "ops" / "grafana" / "dashboards").glob("*.json")):
        dashboard = json.loads(file.read_text())
        values = {one["name"]: one["current"]["value"] for one in dashboard["templating"]["list"]}
        found += [(file.stem, one, values) for one in dashboard["panels"]]
    return found


def report(at: Workbench, count: int, hours: int) -> None:
    """Fill a database and time every panel."""
    is_good, slowest = True, 0.0
    with at.database() as url:
        begun = time.perf_counter()
        first = fill(url, count)
        print(f"{thousands(count)} ticks in {time.perf_counter() - begun:.0f} s")
        roles.set_passwords(url, {"grafana": _PASSWORD})
        start = max(first, MARKET_START - timedelta(hours=hours))
        with psycopg.connect(as_user(url, "thor_grafana", _PASSWORD), autocommit=True) as link:
            least = (
                f"select count(*) from ticks where symbol = any(array(select symbol from series)) "
                f"and ts >= '{start}' and ts <= '{MARKET_START}'"
            )
            _, index_ms = measured(link, least)
            rows = []
            for name, panel, values in panels():
                text = filled(panel["targets"][0]["rawSql"], start, MARKET_START, values)
                found, ms = measured(link, text)
                good = ms <= max(MOST_MS, 10 * index_ms)
                is_good &= good
                rows.append([f"{name}: {panel['title']}", found, f"{ms:.1f}"])
                slowest = max(slowest, ms)
        print(f"range of {hours} h: a count by the index alone takes {index_ms:.1f} ms")
        table(["panel", "rows", "ms"], rows)
        goal(
            f"each panel within {MOST_MS:.0f} ms or ten counts of its range",
            f"{slowest:.0f} ms at most, {10 * index_ms:.0f} ms for ten counts",
            is_good,
        )


def add(parser: argparse.ArgumentParser) -> None:
    """Add what this one takes."""
    parser.add_argument("--ticks", type=int, default=20_000_000, help="how many; 20 million")
    parser.add_argument("--hours", type=int, default=24, help="the range of the panels; 24")
    add_edition(parser)


def main() -> None:
    """Measure on each edition that is here."""
    given = arguments(__doc__ or "", add)
    count = 1_000_000 if given.quick else given.ticks
    for edition in editions(given.edition):
        with workbench(edition=edition) as found:
            machine(found.versions())
            print(f"{edition}, {thousands(count)} ticks")
            report(found, count, given.hours)


if __name__ == "__main__":
    main()

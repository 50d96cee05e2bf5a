"""What a quote of every symbol costs in SQL, now and as of the past, and what keeping it costs.

Compared, round robin on one connection, over the same ticks of eleven symbols and ten days:

max(ts)    the newest ts of each symbol, the least that any answer has to look up.
newest     `market.quotes_at` of a moment after all ticks.
past       `market.quotes_at` of a moment within the last day.
by field   what needs no table: for each symbol and field the newest value that is not null,
           looked for backwards in the index of ticks. A field that is never said (the contract
           of a simulated market, the bid of a cash index) reads the whole trade date.

Then what the ingestor pays: the merge of a batch's last values, against the COPY of its ticks.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
from workbench import (
    MARKET_START,
    Workbench,
    add_edition,
    arguments,
    editions,
    goal,
    machine,
    reported,
    table,
    thousands,
    ticks,
    workbench,
)

from thor import database
from thor.market.ticks.batch import COLUMN_TYPES, columns
from thor.market.ticks.last_values import FIELDS, last_values
from thor.market.ticks.writer import merge_last_values

DAYS = 10
ROUNDS = 40
# A quote of both sides three times of four, else a print; DX has neither bid nor ask.
FILL = """
insert into market.ticks (
    ts, symbol, seq, source, last, bid, ask, last_size, bid_size, ask_size, volume, volume_delta,
    is_trade, is_sampled, received_at
)
select
    n.ts, i.symbol, n.n, 'SIM',
    case when n.n %% 4 = 0 or i.symbol = 'DX' then 100 end,
    case when i.symbol <> 'DX' then 100 end,
    case when i.symbol <> 'DX' then 101 end,
    case when n.n %% 4 = 0 then 2 end,
    case when i.symbol <> 'DX' then 5 end,
    case when i.symbol <> 'DX' then 6 end,
    case when n.n %% 4 = 0 then n.n end,
    case when n.n %% 4 = 0 then 2 end,
    n.n %% 4 = 0, false, n.ts
from reference.instruments as i
cross join (
    select g.n, %(start)s::timestamptz + g.n * %(step)s::interval as ts
    from generate_series(1, %(count)s) as g (n)
) as n
order by i.symbol, n.ts
"""
MAX_TS = """
select i.symbol, (select max(t.ts) from market.ticks as t where t.symbol = i.symbol)
from reference.instruments as i
"""
BY_FIELD = (
    "select i.symbol, "
    + ", ".join(
        f"(select t.{name} from market.ticks as t where t.symbol = i.symbol and t.ts <= %(as_of)s"
        f" and t.ts >= %(day)s and t.{name} is not null"
        " order by t.ts desc, t.seq desc, t.source desc limit 1)"
        for name in FIELDS
    )
    + " from reference.instruments as i"
)
QUOTES = "select * from market.quotes_at(%(as_of)s)"


def fill(url: str, count: int) -> None:
    """Write so many ticks in all, a day at a time, and the last values that they make."""
    of_symbol = count // 11 // DAYS
    step = timedelta(hours=20) / of_symbol
    with psycopg.connect(url, autocommit=True) as connection:
        for day in range(DAYS):
            start = MARKET_START - timedelta(days=DAYS - 1 - day, hours=12)
            with connection.transaction():
                # Bars are not what is measured.
                connection.execute("set local session_replication_role = replica")
                values: dict[str, Any] = {"start": start, "step": step, "count": of_symbol}
                connection.execute(FILL.encode(), values)
            reported(f"{thousands((day + 1) * of_symbol * 11)} ticks")
        connection.execute(
            "insert into market.last_values select v.* from (select distinct t.symbol, d.day"
            " from reference.instruments as t cross join generate_series("
            " %s::timestamptz, %s, '1 day') as g (ts)"
            " cross join lateral reference.trade_date(g.ts) as d (day)) as s"
            " cross join lateral market.last_values_of(s.symbol, s.day) as v",
            (MARKET_START - timedelta(days=DAYS), MARKET_START + timedelta(days=1)),
        )
        connection.execute("vacuum (analyze) market.ticks")
        connection.execute("vacuum (analyze) market.last_values")


def timed(act: Callable[[], object]) -> float:
    """Return the milliseconds that something takes."""
    begun_s = time.perf_counter()
    act()
    return (time.perf_counter() - begun_s) * 1000


def measure(found: Workbench, count: int) -> list[list[object]]:
    """Return a row a way of asking: its median, its worst, and its ratio to max(ts)."""
    with found.database() as url:
        fill(url, count)
        with psycopg.connect(url, autocommit=True) as connection:
            newest = MARKET_START + timedelta(days=1)
            past = MARKET_START - timedelta(hours=2)
            day = MARKET_START - timedelta(hours=16)
            ways: dict[str, tuple[str, dict[str, Any]]] = {
                "max(ts)": (MAX_TS, {}),
                "newest": (QUOTES, {"as_of": newest}),
                "past": (QUOTES, {"as_of": past}),
                "by field": (BY_FIELD, {"as_of": newest, "day": day}),
            }
            cost: dict[str, list[float]] = {name: [] for name in ways}
            for number in range(ROUNDS):
                for name, (query, values) in ways.items():
                    if name == "by field" and number >= 3:
                        continue

                    def ask(query: str = query, values: dict[str, Any] = values) -> None:
                        assert len(connection.execute(query.encode(), values).fetchall()) == 11

                    cost[name].append(timed(ask))
    least = statistics.median(cost["max(ts)"])
    rows: list[list[object]] = []
    for name, spent in cost.items():
        middle = statistics.median(spent)
        rows.append([name, f"{middle:.2f}", f"{max(spent):.2f}", f"{middle / least:.1f}"])
    table(("ms a call", "median", "worst", "× max(ts)"), rows)
    newest_ratio = statistics.median(cost["newest"]) / least
    goal("newest ≤ 5 × max(ts)", f"{newest_ratio:.1f} ×", newest_ratio <= 5)
    return rows


def keeping(found: Workbench) -> None:
    """Print what the merge of last values adds to the COPY of a batch."""
    rows: list[list[object]] = []
    for size in (20, 500, 5000):
        with found.database() as url, psycopg.connect(url, autocommit=True) as connection:
            made = ticks(url, size * 20)
            copied, merged = [], []
            for at in range(0, len(made), size):
                batch = sorted(made[at : at + size], key=lambda t: (t.symbol, t.ts, t.seq))
                with connection.transaction():

                    def copy(batch: list[Any] = batch) -> None:
                        with (
                            connection.cursor() as cursor,
                            cursor.copy(database.statement("copy_ticks").encode()) as target,
                        ):
                            target.set_types(COLUMN_TYPES)
                            for tick in batch:
                                target.write_row(columns(tick))

                    copied.append(timed(copy))

                    def merge(batch: list[Any] = batch) -> None:
                        merge_last_values(connection, last_values(batch))

                    merged.append(timed(merge))
            one, other = statistics.median(copied), statistics.median(merged)
            rows.append([f"{size} ticks", f"{one:.2f}", f"{other:.2f}", f"{other / one:.0%}"])
    table(("ms a batch", "copy and bars", "last values", "adds"), rows)


def add(parser: argparse.ArgumentParser) -> None:
    """Take the edition and how many ticks there are."""
    add_edition(parser)
    parser.add_argument("--ticks", type=int, default=20_000_000, help="ticks in all")


def main() -> None:
    """Measure on each edition that is here."""
    given = arguments(__doc__ or "", add)
    count = 1_000_000 if given.quick else given.ticks
    for edition in editions(given.edition):
        with workbench(edition=edition) as found:
            machine(found.versions())
            print(f"{edition}, {thousands(count)} ticks")
            measure(found, count)
            keeping(found)


if __name__ == "__main__":
    main()

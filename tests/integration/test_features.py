"""Every family, without being named: equal in both engines, blind to later data, true to its
look-back.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import psycopg
import pytest
from features_made import (
    FAMILIES,
    WIDTHS,
    altered,
    differences,
    engine,
    into_duckdb,
    put_market,
)

Link = psycopg.Connection[Any]
BARS = 3600
# Inside a bar, at the end of one, and after the clocks went back; all bars are made by then.
CUTS = ("2024-03-11 11:34:56Z", "2024-03-11 13:05:00Z", "2024-11-04 15:01:00.5Z")
# Short ones with ticks and over either change of the clocks, and a day and more.
RANGES = {
    "1m": [
        ("2024-03-11 09:30Z", "2024-03-11 14:10Z"),
        ("2024-11-04 14:00Z", "2024-11-04 15:30Z"),
        ("2024-11-03 22:00Z", "2024-11-05 01:00Z"),
    ],
    "5m": [("2024-03-11 09:30Z", "2024-03-11 14:10Z"), ("2024-03-25 22:00Z", "2024-03-27 22:00Z")],
    "1h": [("2024-03-11 09:30Z", "2024-03-11 19:00Z"), ("2024-10-08 22:00Z", "2024-10-10 22:00Z")],
}
IN_MINUTES = re.compile(r"_(\d+)min$")

every_family = pytest.mark.parametrize("family", FAMILIES)
every_width = pytest.mark.parametrize("width", WIDTHS)

Lake = duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def link(kept_url: str) -> Iterator[Link]:
    """A database with bars of six symbols at three widths, and ticks; read only."""
    with psycopg.connect(kept_url, autocommit=True) as found:
        put_market(found, BARS)
        yield found


@pytest.fixture(scope="module")
def lake(link: Link) -> Iterator[Lake]:
    """A DuckDB with the same bars and the same SQL."""
    with engine(link) as found:
        yield found


@pytest.fixture(scope="module")
def theirs(link: Link, lake: Lake) -> Callable[[str, str], str]:
    """Brings the whole of a family from PostgreSQL, once."""
    there: set[str] = set()

    def of(family: str, width: str) -> str:
        name = f"theirs_{family}_{width}"
        if name not in there:
            whole = f"feat.{family}('{width}', null, '-infinity', 'infinity')"
            into_duckdb(link, lake, f"select * from {whole}", name)
            there.add(name)
        return name

    return of


@pytest.fixture(scope="module")
def others(lake: Lake) -> Iterator[Callable[[str, str], Lake]]:
    """Makes lakes in which what fits a condition is other, or not there; each once."""
    made: dict[tuple[str, str], Lake] = {}

    def of(when: str, how: str) -> Lake:
        if (when, how) not in made:
            made[when, how] = altered(lake, when, how)
        return made[when, how]

    yield of
    for one in made.values():
        one.close()


def brought(lake: Lake, query: str, to: Lake, name: str) -> None:
    """Copy what a query gives from one lake to another."""
    rows = lake.sql(query).to_arrow_table()  # noqa: F841
    to.execute(f"create or replace temp table {name} as from rows")


@every_width
@every_family
def test_postgresql_and_duckdb_agree(
    lake: Lake, theirs: Callable[[str, str], str], family: str, width: str
) -> None:
    found = theirs(family, width)
    count = f"select count(*) from market.bars_{width} where close is not null"
    assert lake.execute(f"select count(*), ({count}) from {found}").fetchone() == (
        lake.execute(f"select a, a from ({count}) as t (a)").fetchone()
    )
    assert differences(lake, found, f"feat.{family}_{width}", 1e-9) == []


@every_family
def test_every_feature_has_a_value_somewhere(
    lake: Lake, theirs: Callable[[str, str], str], family: str
) -> None:
    silent: list[set[str]] = []
    for width in WIDTHS:
        rows = lake.execute(f"summarize {theirs(family, width)}").fetchall()
        silent.append({row[0] for row in rows if row[2] is None or row[2] == row[3]})
    assert set.intersection(*silent) == set()


@every_width
@every_family
def test_a_range_is_the_whole_cut_and_needs_no_more_past_than_it_reads(
    link: Link, lake: Lake, theirs: Callable[[str, str], str], family: str, width: str
) -> None:
    found = link.execute("select name from feat.catalogue where unit = 'points'").fetchall()
    points = frozenset(name for (name,) in found)
    for first, last in RANGES[width]:
        asked = f"feat.{family}('{width}', '{{ES,GC,ZB}}', '{first}', '{last}')"
        into_duckdb(link, lake, f"select * from {asked}", "part")
        cut = (
            f"where symbol in ('ES', 'GC', 'ZB') and bar_start >= '{first}'"
            f" and bar_start < '{last}'"
        )
        assert lake.execute("select count(*) > 5 from part").fetchone() == (True,)
        whole = f"(select * from {theirs(family, width)} {cut})"
        assert differences(lake, "part", whole, 1e-12, points) == []
        ours = f"feat.{family}('{width}', ['ES', 'GC', 'ZB'], '{first}', '{last}')"
        assert differences(lake, ours, "part", 1e-9) == []


@pytest.mark.parametrize("cut", CUTS)
@every_family
def test_what_is_known_at_a_moment_does_not_change_with_what_comes_later(
    lake: Lake,
    theirs: Callable[[str, str], str],
    others: Callable[[str, str], Lake],
    family: str,
    cut: str,
) -> None:
    for how in ("deleted", "changed"):
        then = others(f"bar_end > '{cut}'", how)
        for width, length in WIDTHS.items():
            since = f"'{cut}'::timestamptz - interval {250 * length.seconds} second"
            known = f"bar_start >= {since} and known_at <= '{cut}'"
            found = f"select * from {theirs(family, width)} where {known}"
            brought(lake, found, then, "known")
            (count,) = then.execute("select count(*) from known").fetchone() or (0,)
            assert count > 50
            asked = f"feat.{family}('{width}', null, {since}, 'infinity')"
            found = f"(select * from {asked} where known_at <= '{cut}')"
            assert differences(then, "known", found, 1e-9) == []


def named_in_minutes(lake: Lake) -> Iterator[tuple[str, int, list[str]]]:
    """Yield each family that has features named in minutes, how many, and their names."""
    for family in FAMILIES:
        of: defaultdict[int, list[str]] = defaultdict(list)
        for name, *_ in lake.execute(f"describe feat.{family}_1m").fetchall():
            if found := IN_MINUTES.search(name):
                of[int(found[1])].append(name)
        for minutes, names in of.items():
            yield family, minutes, names


@every_width
def test_a_feature_named_in_minutes_reaches_no_further_even_over_a_gap(
    lake: Lake, others: Callable[[str, str], Lake], width: str
) -> None:
    rows = lake.execute(
        f"""
        select bar_start::varchar from (
            select *, bar_start - lag(bar_start) over (order by bar_start) as gap,
                row_number() over (order by bar_start) as number
            from market.bars_{width} where symbol = 'ES' and close is not null
        )
        where number > 100 and gap > interval {3 * WIDTHS[width].seconds} second
        order by gap < interval 50 minute desc, bar_start limit 2
        """
    ).fetchall()
    said, reached = set(), set()
    for bar_start in [*(row[0] for row in rows), "2024-03-11 12:00:00+00"]:
        for family, minutes, names in named_in_minutes(lake):
            reach = f"'{bar_start}'::timestamptz - interval {minutes} minute"
            asked = (
                f"select symbol, {', '.join(names)}"
                f" from feat.{family}('{width}', null, '{bar_start}',"
                f" '{bar_start}'::timestamptz + interval 1 microsecond)"
            )
            found, then, when = (
                {
                    (symbol, name): value
                    for symbol, *values in one.execute(asked).fetchall()
                    for name, value in zip(names, values, strict=True)
                }
                for one in (
                    lake,
                    others(f"bar_start < {reach}", "changed"),
                    others(f"bar_start < '{bar_start}'", "changed"),
                )
            )
            assert then == pytest.approx(found, nan_ok=True)
            said |= {name for (_, name), value in found.items() if value is not None}
            reached |= {key[1] for key in found if when.get(key) != found[key]}
    hour = {"return_60min", "realised_60min", "rel_strength_60min"}
    assert hour <= said
    # A change within the minutes is seen: it is one that a feature would show.
    assert hour <= reached

"""The moment is an argument: no view and no function calls now()."""

import re

import psycopg
import pytest
from schema_catalogue import OURS

pytestmark = pytest.mark.editions("plain", "timescale")

# A trigger writes down when a row changed: that is a fact, not a view of one.
_WRITES_DOWN = {"reference.keep_version()", "trade.keep_order()"}
# TimescaleDB's scheduler calls it without a moment, so it reads the clock itself.
EXCEPTIONS = {
    "plain": _WRITES_DOWN | {"store.note_late_ticks()"},
    "timescale": _WRITES_DOWN | {"market.convert_chunks(integer,jsonb)"},
}

_MOMENT = re.compile(
    r"\b(now\(|(clock|statement|transaction)_timestamp|timeofday|"
    r"current_(timestamp|date|time)\b|localtime)",
    re.IGNORECASE,
)
# Thor's schemas, and public but for what an extension put there.
_LOOKED_AT = f"""(
    {OURS} or n.nspname = 'public' and not exists (
        select from pg_depend as x where x.classid = '{{0}}'::regclass
        and x.objid = {{1}} and x.deptype = 'e'
    )
)"""
LOGIC = f"""
select p.oid::regprocedure::text, pg_get_functiondef(p.oid)
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where {_LOOKED_AT.format("pg_proc", "p.oid")} and p.prokind in ('f', 'p')
union all
select c.oid::regclass::text, pg_get_viewdef(c.oid)
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where {_LOOKED_AT.format("pg_class", "c.oid")} and c.relkind in ('v', 'm')
order by 1
"""


def _asking(url: str) -> set[str]:
    with psycopg.connect(url, options="-c search_path=") as connection:
        found = connection.execute(LOGIC.encode()).fetchall()
    return {name for name, text in found if _MOMENT.search(text)}


def test_no_view_and_no_function_asks_what_time_it_is(database_url: str, edition: str) -> None:
    assert _asking(database_url) - EXCEPTIONS[edition] == set(), "take the moment as an argument"


def test_an_exception_still_asks(database_url: str, edition: str) -> None:
    assert EXCEPTIONS[edition] - _asking(database_url) == set(), "take it out of EXCEPTIONS"


def test_a_view_and_a_function_that_ask_would_be_seen(database_url: str, edition: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create view market.v as select current_date as today")
        connection.execute(
            "create function market.f() returns timestamptz language sql return now()"
        )
        connection.execute("create view public.v as select now() as moment")
    assert _asking(database_url) - EXCEPTIONS[edition] == {"market.v", "market.f()", "public.v"}

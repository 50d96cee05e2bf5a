"""What a function is asked for and cannot give is refused: unlisted symbols, reversed ranges."""

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from psycopg.errors import InvalidParameterValue

Link = psycopg.Connection[Any]

# The keeper of features calls these for bars that it has found; the rest of a capture is its own.
INTERNAL = {
    "studies.first_touch": "is called for the symbol of a capture",
    "market.rebuild_bars": "is called for hours, all symbols",
    "reference.range_from": "refuses",
    "reference.listed": "refuses",
}
FUNCTIONS = """
select n.nspname || '.' || p.proname, p.proargnames[:p.pronargs], array(
    select format_type(t.oid, null)
    from unnest(p.proargtypes::oid[]) with ordinality as a (oid, place)
    join pg_type as t on t.oid = a.oid
    order by a.place
)
from pg_proc as p
join pg_namespace as n on n.oid = p.pronamespace
where
    n.nspname in ('reference', 'market', 'studies', 'feat')
    and p.proname not like '\\_%' and p.prokind = 'f' and p.pronargs > 0
    and p.prorettype <> 'trigger'::regtype
order by 1
"""
SYMBOLS = ("of_symbol", "of_symbols", "of_root")
FROM, TO = ("ts_from", "from_ts"), ("ts_to", "to_ts")
FIRST, LAST = datetime(2024, 7, 1, tzinfo=UTC), datetime(2024, 7, 2, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "of_symbol": "ES", "of_symbols": ["ES"], "of_root": "ES", "of_width": "1m", "of_kind": "52w",
    "of_trade_date": date(2024, 7, 1), "before_date": date(2024, 7, 1), "as_of": LAST,
    "of_source": "SIM", "rows_max": 10, "of_rule": "volume", "of_adjustment": "raw",
    "cadence": "1 minute", "names": ["ema_20"], "bars_back": 0, "time_back": "0", "set": "desk",
    "step": "1 hour", "before_ts": None, "before_seq": None, "before_source": None,
} | dict.fromkeys(FROM, FIRST) | dict.fromkeys(TO, LAST)  # fmt: skip


def functions(connection: Link) -> dict[str, list[tuple[str, str]]]:
    """Return the arguments of each public function, name and type."""
    found = connection.execute(FUNCTIONS).fetchall()
    return {
        name: list(zip(names, types, strict=True))
        for name, names, types in found
        if name not in INTERNAL and names is not None
    }


def call(connection: Link, name: str, asked: list[tuple[str, str]], **given: Any) -> list[Any]:
    values = {argument: given.get(argument, VALUES[argument]) for argument, _ in asked}
    passed = ", ".join(f'"{argument}" => %({argument})s::{kind}' for argument, kind in asked)
    return connection.execute(f"select * from {name}({passed})".encode(), values).fetchall()


def test_a_symbol_that_is_not_listed_is_refused_by_name_in_every_function(undone: Link) -> None:
    silent, asked_for = [], 0
    for name, asked in functions(undone).items():
        for argument, kind in asked:
            if argument not in SYMBOLS:
                continue
            asked_for += 1
            wrong: Any = ["ES", "NOPE"] if kind.endswith("[]") else "NOPE"
            try:
                with undone.transaction():
                    call(undone, name, asked, **{argument: wrong})
            except InvalidParameterValue as error:
                assert "NOPE" in str(error)
            else:
                silent.append(f"{name}({argument})")
            # In small letters it is the same symbol.
            small: Any = ["es"] if kind.endswith("[]") else "es"
            call(undone, name, asked, **{argument: small})
    assert asked_for > 25
    assert silent == [], "call reference.listed or feat._symbols in it"


def test_a_range_may_be_open_and_not_reversed_in_every_function(undone: Link) -> None:
    silent, asked_for = [], 0
    for name, asked in functions(undone).items():
        arguments = {argument for argument, _ in asked}
        begins, ends = arguments & set(FROM), arguments & set(TO)
        if not (begins and ends):
            continue
        asked_for += 1
        (begin,), (end,) = begins, ends
        try:
            with undone.transaction():
                call(undone, name, asked, **{begin: LAST, end: FIRST})
        except InvalidParameterValue as error:
            assert "is after" in str(error)
        else:
            silent.append(name)
        for bounds in ({begin: None}, {end: None}, {begin: None, end: None}):
            call(undone, name, asked, **bounds)
    assert asked_for > 20
    assert silent == [], "call reference.range_from in it"


@pytest.mark.parametrize("bounds", ["null, null", "null, '2024-07-01Z'", "'2024-07-01Z', null"])
def test_an_open_history_of_the_total_is_that_of_the_ticks(undone: Link, bounds: str) -> None:
    assert undone.execute(f"select * from total_between({bounds})".encode()).fetchall() == []

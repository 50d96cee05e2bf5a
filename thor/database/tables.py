"""Compare tables between two databases, and replace them, as the catalogue lists them.

Runs SQL that db/sql composes from the catalogue, so that a table or column added later is included
automatically.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from thor import database
from thor.database import Connection


class Table(msgspec.Struct, frozen=True):
    """A table, the tables its foreign keys name, and the statements for it."""

    name: str
    parents: tuple[str, ...]
    copy_out: str
    copy_in: str
    clear: str
    silence: str
    unsilence: str
    measure: str
    foreign_rows: str


class Measure(msgspec.Struct, frozen=True):
    """A number of rows and the sum of their hashes."""

    records: int
    checksum: int


NOTHING = Measure(0, 0)


def found(
    connection: Connection[Any], left_out: Iterable[str], computed: Iterable[str] = ()
) -> list[Table]:
    """Return the tables of Thor's schemas, without the excluded ones, by name.

    In `computed` tables a row of the first version counts as made by Thor; in others a row as old
    as the database.
    """
    values = {"left_out": list(left_out), "computed": list(computed)}
    return [msgspec.convert(row, Table) for row in database.rows(connection, "tables", values)]


def measured(connection: Connection[Any], table: Table) -> Measure:
    """Count the rows of a table and sum their hashes, over all columns."""
    return measure(database.answers(connection, table.measure)[0])


def measure(row: dict[str, Any]) -> Measure:
    """Return the measure in a row of such a statement."""
    return Measure(int(row["records"]), int(row["checksum"]))


def foreign_rows(connection: Connection[Any], table: Table) -> int:
    """Count the rows that neither the migrations nor `thor db up` made."""
    return int(database.answers(connection, table.foreign_rows)[0]["records"])


def groups(tables: list[Table]) -> list[list[Table]]:
    """Return groups of tables that foreign keys connect, parents first in each."""
    group = {table.name: {table.name} for table in tables}
    for table in tables:
        for parent in table.parents:
            joined = group[table.name] | group[parent]
            for name in joined:
                group[name] = joined
    ordered = _parents_first(tables)
    kept = {id(names): names for names in group.values()}
    return [[table for table in ordered if table.name in names] for names in kept.values()]


def replace(
    source: Connection[Any], target: Connection[Any], group: list[Table]
) -> dict[str, Measure]:
    """Make the rows of a group equal the source's; returns the new measures.

    Within one transaction of the target. Triggers are disabled: they would record changes that did
    not happen in the source.
    """
    for table in reversed(group):
        database.answers(target, table.silence)
        database.answers(target, table.clear)
    for table in group:
        database.stream(source, table.copy_out, target, table.copy_in)
    for table in group:
        database.answers(target, table.unsilence)
    return {table.name: measured(target, table) for table in group}


def go_on_counting(
    source: Connection[Any], target: Connection[Any], left_out: Iterable[str]
) -> None:
    """Set the sequences of the target to where those of the source are."""
    for row in database.rows(source, "sequences", {"left_out": list(left_out)}):
        database.rows(target, "set_sequence", row)


def _parents_first(tables: list[Table]) -> list[Table]:
    ordered: list[Table] = []
    left = list(tables)
    while left:
        names = {table.name for table in left}
        free = [table for table in left if not names & set(table.parents)]
        # Tables that reference each other have no order; Thor has none.
        ordered += free or left
        left = [table for table in left if table not in ordered]
    return ordered

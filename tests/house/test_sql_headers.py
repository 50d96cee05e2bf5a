"""The header of an SQL file is what the catalogue says once the file has run."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
import pytest
from house_catalogue import Made, objects, reads

from thor import schema
from thor.schema import SqlFile

KEYS = ["Room", "Makes", "Kind", "Grain", "Known at", "Reads", "Nulls", "Why"]
FILES = schema.files()
NONE = "–"
# Bodies that PostgreSQL keeps as text: what they read is not in the catalogue.
OPAQUE = {"reference.keep_version()"}

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)


class Applied(NamedTuple):
    """What a file made, in order, and the names of what that reads."""

    made: list[Made]
    reads: set[str]


def named(text: str) -> list[str]:
    """Return the names in a header's value: split at commas outside brackets."""
    return [] if text == NONE else [name.strip() for name in re.split(r",\s*(?![^()]*\))", text)]


@pytest.fixture(scope="module")
def applied() -> dict[str, Applied]:
    """Filled by the first test that has a database."""
    return {}


@pytest.fixture
def catalogue(request: pytest.FixtureRequest, applied: dict[str, Applied]) -> dict[str, Applied]:
    """Every file run in order in one transaction, with what the catalogue said after each."""
    if not applied:
        with psycopg.connect(request.getfixturevalue("bare_database_url")) as connection:
            applied.update(_applied(connection))
            connection.rollback()
    return applied


def _applied(connection: psycopg.Connection[object]) -> Iterator[tuple[str, Applied]]:
    before: set[Made] = set(objects(connection))
    for file in FILES:
        connection.execute(file.text.encode())
        after = objects(connection)
        made = [thing for thing in after if thing not in before]
        names = {thing.key: thing.name for thing in after}
        read = {names[key] for key in reads(connection, {thing.key for thing in made}) & set(names)}
        yield file.path, Applied(made, read)
        before = set(after)


@every_file
def test_a_file_opens_with_the_eight_lines_in_order(file: SqlFile) -> None:
    assert list(file.header) == KEYS, f"db/sql/{file.path}: the header is {', '.join(KEYS)}"
    empty = [key for key, value in file.header.items() if not value]
    assert empty == [], f"db/sql/{file.path}: write {NONE} where there is nothing to say"


@every_file
def test_the_room_is_one_of_the_house(file: SqlFile) -> None:
    folder = {"00_house": {"00 house", "95 ops"}}
    number, name = file.path.split("/")[0].split("_", 1)
    rooms = folder.get(f"{number}_{name}", {f"{number} {name}"})
    assert file.header["Room"] in rooms, f"db/sql/{file.path} lies in the folder of {rooms}"


@every_file
def test_the_makes_line_is_what_the_file_makes(
    file: SqlFile, catalogue: dict[str, Applied]
) -> None:
    made = [thing.name for thing in catalogue[file.path].made]
    assert named(file.header["Makes"]) == made, (
        f"db/sql/{file.path}: write `Makes     {', '.join(made)}`, in the order of making"
    )


@every_file
def test_the_reads_line_is_what_the_database_recorded(
    file: SqlFile, catalogue: dict[str, Applied]
) -> None:
    read = catalogue[file.path].reads
    assert set(named(file.header["Reads"])) == read, (
        f"db/sql/{file.path}: write `Reads     {', '.join(sorted(read)) or NONE}`"
    )


@every_file
def test_a_file_reads_only_what_files_before_it_made(
    file: SqlFile, catalogue: dict[str, Applied]
) -> None:
    earlier = {
        thing.name for path, run in catalogue.items() if path < file.path for thing in run.made
    }
    later = set(named(file.header["Reads"])) - earlier
    assert later == set(), f"db/sql/{file.path} reads {later}: number it after what makes them"


@every_file
def test_the_kind_line_is_the_kind_of_what_was_made(
    file: SqlFile, catalogue: dict[str, Applied]
) -> None:
    kinds = {thing.kind for thing in catalogue[file.path].made}
    told = {kind for kind in ("schema", "table", "view", "function") if kind in file.header["Kind"]}
    assert told == kinds, f"db/sql/{file.path} makes {kinds}: say so in `Kind`"


@every_file
def test_state_and_logic_never_share_a_file(file: SqlFile, catalogue: dict[str, Applied]) -> None:
    logic = {"view", "function"}
    wrong = [
        thing.name
        for thing in catalogue[file.path].made
        if (thing.kind in logic) is not file.is_logic and thing.name not in OPAQUE
    ]
    assert wrong == [], (
        f"db/sql/{file.path}: give {wrong} a file of its own; logic is re-created, state migrated"
    )


def test_every_body_can_be_checked(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select oid::bigint from pg_proc where prosqlbody is null"
        ).fetchall()
        opaque = {oid for (oid,) in rows}
        names = {
            thing.name
            for thing in objects(connection)
            if thing.kind == "function" and thing.key.oid in opaque
        }
    assert names == OPAQUE, (
        "write the body as `begin atomic … end` or `return …`, not as text: the catalogue then "
        f"knows what it reads. Text: {names}"
    )

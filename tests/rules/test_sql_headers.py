"""The header of an SQL file equals the catalogue once the file has run."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
import pytest
from schema_catalogue import Made, bare, made_since, objects, opaque_bodies, reads, spoken_of

from thor.database import schema
from thor.database.edition import Edition
from thor.database.schema import SqlFile

pytestmark = pytest.mark.editions("plain", "timescale")

KEYS = ["Stage", "Makes", "Kind", "Grain", "Known at", "Reads", "Nulls", "Why"]
FILES: dict[Edition, list[SqlFile]] = {
    "plain": schema.files("plain"),
    "timescale": schema.files("timescale"),
}
NONE = "–"
LOGIC = {"view", "function"}
# Bodies that PostgreSQL keeps as text: it does not record what they read, so they are searched
# for names instead.
_OF_BOTH = {
    "reference.keep_version()",
    "reference.range_from(timestamptz, timestamptz)",
    "feat._asked(text, text[], timestamptz, timestamptz)",
    "feat._bars(text, text[], timestamptz, timestamptz, integer, interval)",
    "feat._closes(text, text[], timestamptz, timestamptz, integer, interval)",
    "feat._prior_sessions(text[], timestamptz, timestamptz)",
    "feat._season_bars(text, text[], timestamptz, timestamptz)",
    "feat._seconds(text, text[], timestamptz, timestamptz)",
    "feat._segments(text, text[], timestamptz, timestamptz, integer, interval)",
    "feat._symbols(text[])",
    "feat.copy_comments(text)",
    "feat.copy_matrix_comments()",
    "feat.page(text, text, text[], timestamptz, timestamptz, integer, timestamptz)",
    "market.bars_between(text, text, timestamptz, timestamptz, integer)",
    "market.copy_comments(regclass, regclass)",
    "store.add_columns()",
    "store.bar_bounds(text, text[], timestamptz, timestamptz)",
    "store.begin_build(text, text[], timestamptz)",
    "store.copy_comments()",
    "store.end_build(text, text[], text[], timestamptz, timestamptz, timestamptz)",
    "store.keep_features(text, text, text[], timestamptz, timestamptz, timestamptz)",
    "store.last_of_rows(text, text[], timestamptz, integer)",
    "store.make_matrix()",
    "store.make_matrix_as_of()",
    "store.make_views(text)",
    "store.note_closed_bars()",
    "store.note_imported_bars()",
    "store.note_late_captures()",
    "store.note_instrument()",
    "store.note_session()",
    "store.reached(text, text[], timestamptz, timestamptz)",
    "store.reached_next(text[], timestamptz, timestamptz)",
    "store.row_bounds(text)",
    "store.stale_bars(text, text[], timestamptz, timestamptz, timestamptz)",
    "store.write_features(text, text[], text, text[], timestamptz, timestamptz, timestamptz)",
    # A server may lack the view that it reads.
    "ops.slow_statements(integer)",
    "market.basis_of(text, date, text, timestamptz)",
    "market.day_sums(text[], date, timestamptz)",
    "market.extremes_before(text, text, date, timestamptz)",
    "reference.listed(text)",
    "market.last_close(text, date, timestamptz)",
    "market.quotes_at(timestamptz)",
    "studies.check_targets()",
    "studies.check_weights()",
    "studies.extreme_events_of(text, date)",
    "trade.fund(text, numeric, text, text, timestamptz)",
    "trade.keep_break()",
    "trade.keep_fill()",
    "trade.keep_kill_event()",
    "trade.keep_order()",
    "trade.note_fill()",
    "trade.note_order()",
    "trade.refuse_opening(text, text, text)",
    "trade.statement(text, date, date)",
    "trade.reset_account(text, numeric, text, text, timestamptz)",
}
OPAQUE: dict[Edition, set[str]] = {
    "plain": _OF_BOTH
    | {
        "market.keep_bars()",
        "market.merge_bars(market._bars[])",
        "market.rebuild_bars(timestamptz, timestamptz)",
        "store.make_partitions(text, timestamptz[])",
        "store.merge_build(text, text[], text[], timestamptz, timestamptz, timestamptz)",
        "store.note_late_ticks()",
    },
    "timescale": _OF_BOTH | {"market.convert_chunks(integer, jsonb)"},
}

every_file = pytest.mark.parametrize(
    "file",
    sorted({file.path: file for files in FILES.values() for file in files}.values(), key=str),
    ids=lambda file: file.path,
)


class Applied(NamedTuple):
    """A file, what it made, in order, and the names of what that reads."""

    file: SqlFile
    made: list[Made]
    reads: set[str]


Catalogue = list[Applied]


def named(text: str) -> list[str]:
    """Return the names in a header's value: split at commas outside brackets."""
    return [] if text == NONE else [name.strip() for name in re.split(r",\s*(?![^()]*\))", text)]


def kinds(text: str) -> set[str]:
    """Return the kinds in a header's value: split at commas and "and"."""
    return {kind.strip() for kind in re.split(r",| and (?:its )?", text)}


@pytest.fixture(scope="module")
def applied() -> dict[Edition, Catalogue]:
    """Filled by the first test that has a database of the edition."""
    return {}


@pytest.fixture
def catalogue(
    edition: Edition, applied: dict[Edition, Catalogue], request: pytest.FixtureRequest
) -> Catalogue:
    """Every file run in order in one transaction, with the catalogue after each."""
    if edition not in applied:
        with psycopg.connect(request.getfixturevalue("bare_database_url")) as connection:
            applied[edition] = list(_applied(connection, FILES[edition]))
            connection.rollback()
    return applied[edition]


def _applied(connection: psycopg.Connection[object], files: list[SqlFile]) -> Iterator[Applied]:
    before: set[Made] = set(objects(connection))
    for file in files:
        connection.execute(file.text.encode())
        made = made_since(connection, before)
        yield Applied(file, made, reads(connection, made))
        before = set(objects(connection))


@every_file
def test_a_file_opens_with_the_eight_lines_in_order(file: SqlFile) -> None:
    assert list(file.header) == KEYS, f"db/sql/{file.path}: the header is {', '.join(KEYS)}"
    empty = [key for key, value in file.header.items() if not value]
    assert empty == [], f"db/sql/{file.path}: write {NONE} where there is nothing to write"


@every_file
def test_the_stage_is_that_of_the_folder(file: SqlFile) -> None:
    folder = {"00_foundation": {"00 foundation", "95 ops"}}
    number, name = file.path.split("/")[0].split("_", 1)
    stages = folder.get(f"{number}_{name}", {f"{number} {name}"})
    assert file.header["Stage"] in stages, f"db/sql/{file.path} lies in the folder of {stages}"


def test_the_makes_line_is_what_the_file_makes(catalogue: Catalogue) -> None:
    wrong = {
        file.path: f"write `Makes     {', '.join(thing.name for thing in made) or NONE}`"
        for file, made, _ in catalogue
        if named(file.header["Makes"]) != [thing.name for thing in made]
    }
    assert wrong == {}, "the header says other than the catalogue; in the order of making"


def test_the_reads_line_is_what_the_database_recorded(catalogue: Catalogue) -> None:
    wrong = {
        file.path: f"write `Reads     {', '.join(sorted(read)) or NONE}`"
        for file, _, read in catalogue
        if sorted(named(file.header["Reads"])) != sorted(read)
    }
    assert wrong == {}, "the header says other than the catalogue"


def test_a_file_reads_only_what_files_before_it_made(catalogue: Catalogue) -> None:
    wrong: dict[str, set[str]] = {}
    earlier: set[str] = set()
    for file, made, _ in catalogue:
        if later := set(named(file.header["Reads"])) - earlier:
            wrong[file.path] = later
        earlier |= {thing.name for thing in made}
    assert wrong == {}, "number each after what makes what it reads"


def test_the_kind_line_is_the_kind_of_what_was_made(catalogue: Catalogue) -> None:
    wrong = {
        file.path: f"it makes {', '.join(sorted({thing.kind for thing in made}))}"
        for file, made, _ in catalogue
        if kinds(file.header["Kind"]) != {thing.kind for thing in made}
    }
    assert wrong == {}, "say so in `Kind`"


def test_state_and_logic_never_share_a_file(catalogue: Catalogue) -> None:
    wrong = {
        file.path: [thing.name for thing in made if (thing.kind in LOGIC) is not file.is_logic]
        for file, made, _ in catalogue
        if any((thing.kind in LOGIC) is not file.is_logic for thing in made)
    }
    assert wrong == {}, "give each a file of its own; logic is re-created, state migrated"


def test_every_body_can_be_checked(database_url: str, edition: Edition) -> None:
    with psycopg.connect(database_url) as connection:
        opaque = opaque_bodies(connection)
        names = {thing.name for thing in objects(connection) if thing.key in opaque}
    assert names == OPAQUE[edition], (
        "write the body as `begin atomic … end` or `return …`, not as text: the catalogue then "
        f"knows what it reads. Text: {names}"
    )


def test_a_body_kept_as_text_names_only_existing_objects(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        made = objects(connection)
        opaque = opaque_bodies(connection)
    there = {bare(thing.name) for thing in made}
    wrong = {
        thing.name: gone
        for thing in made
        if thing.key in opaque and (gone := spoken_of(opaque[thing.key]) - there)
    }
    assert wrong == {}, "PostgreSQL would fail at the first call only"


@pytest.mark.editions("timescale")
def test_an_aggregate_of_the_vendor_s_is_one_object_that_reads_what_it_is_made_of(
    catalogue: Catalogue,
) -> None:
    found = {
        thing.name: read
        for _, made, read in catalogue
        for thing in made
        if thing.kind == "continuous aggregate"
    }
    assert found == {
        "market._bars_1s": {"market.ticks"},
        "market._bars_1m": {"market._bars_1s"},
        "market._bars_5m": {"market._bars_1m"},
        "market._bars_1h": {"market._bars_5m"},
    }

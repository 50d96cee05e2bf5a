"""A family of features has one form: a function, views, a reach, and words for every column."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from thor.database.schema import SQL

pytestmark = pytest.mark.editions("plain", "timescale")

FOLDER = SQL / "50_features"
HEADER = ("Stage", "Makes", "Kind", "Grain", "Known at", "Reads", "Nulls", "Why")
KEYS = ("symbol", "bar_start", "known_at")
ARGUMENTS = "of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz"
UNITS = {
    *("1", "ratio", "percent", "points", "points a bar", "ticks", "contracts"),
    *("minutes", "trades a second"),
}
PARTS = ("definition", "unit", "look-back", "source")

_FUNCTION = re.compile(
    r"create function feat\.(?P<name>[a-z_0-9]+)\s*\((?P<arguments>[^()]*)\)\s*"
    r"returns table \((?P<columns>.*?)\n\)\nlanguage sql stable parallel safe",
    re.S,
)
_COMMENT = r"comment on column feat\.{0}_1m\.([a-z_0-9]+) is\s*((?:'(?:[^']|'')*'\s*)+);"

# Numbers 510 to 559 are families, their views over the store are 620 to 669.
VIEWS = SQL / "60_store"
FAMILIES = {
    file.stem: VIEWS / f"{int(file.stem[:3]) + 110}_{file.stem[4:]}.sql"
    for file in sorted(FOLDER.glob("5[1-5]?_*.sql"))
}


def wrongs(family: str, function: str, views: str) -> Iterator[str]:
    """Yield what a family's two files lack."""
    for text in (function, views):
        found = re.findall(r"^-- ([A-Z][a-z]+(?: at)?) {2,}\S", text, re.M)
        if tuple(found) != HEADER:
            yield f"header: {', '.join(found)}"
    made = _FUNCTION.search(function)
    if made is None or made["name"] != family:
        yield f"no function feat.{family} in SQL that is stable and returns a table"
        return
    if " ".join(made["arguments"].split()) != ARGUMENTS:
        yield f"arguments: take {ARGUMENTS}"
    columns = [line.split() for line in made["columns"].strip().split(",\n")]
    if tuple(name for name, _ in columns[:3]) != KEYS:
        yield f"columns: begin with {', '.join(KEYS)}"
    yield from (f"{name}: not float8" for name, type_ in columns[3:] if type_ != "float8")
    if f"\nselect store.make_views('{family}');\n" not in views:
        yield f"no views of feat.{family} over the store"
    if not views.rstrip().endswith(f"select feat.copy_comments('{family}');"):
        yield "the comments are not copied to the other widths"
    said = {
        name: "".join(re.findall(r"'((?:[^']|'')*)'", words))
        for name, words in re.findall(_COMMENT.format(family), views)
    }
    for name, _ in columns[3:]:
        parts = said.get(name, "").split(" | ")
        if len(parts) != len(PARTS) or not all(part.strip() for part in parts):
            yield f"{name}: say its {', '.join(PARTS)}, with ' | ' between them"
        elif parts[1] not in UNITS:
            yield f"{name}: {parts[1]} is no unit of {', '.join(sorted(UNITS))}"
    yield from (f"{name}: is no column" for name in said.keys() - {name for name, _ in columns})


@pytest.mark.parametrize("stem", FAMILIES)
def test_a_family_has_its_form(stem: str) -> None:
    function, views = FOLDER / f"{stem}.sql", FAMILIES[stem]
    assert views.is_file(), f"{views.name} is not there: the views of {function.name}"
    assert list(wrongs(stem[4:], function.read_text(), views.read_text())) == []


def test_every_family_says_how_far_a_bar_is_felt(
    connection: psycopg.Connection[tuple[str, ...]],
) -> None:
    rows = connection.execute("select family from store.reaches").fetchall()
    assert sorted(family for (family,) in rows) == sorted(stem[4:] for stem in FAMILIES), (
        "write a line in 690_reaches.sql: a bar that changes makes rows ahead of it stale"
    )


def test_views_have_their_family() -> None:
    numbered = {file.name for file in VIEWS.glob("6[2-6]?_*.sql")}
    assert numbered == {file.name for file in FAMILIES.values()}


def test_the_catalogue_holds_every_feature(connection: psycopg.Connection[tuple[str, ...]]) -> None:
    columns = {
        (stem[4:], line.split()[0])
        for stem in FAMILIES
        for found in [_FUNCTION.search((FOLDER / f"{stem}.sql").read_text())]
        for line in (found["columns"].strip().split(",\n") if found else ())
    }
    rows = connection.execute("select family, name from feat.catalogue").fetchall()
    assert {row for row in columns if row[1] not in KEYS} == set(rows)
    assert len({name for _, name in rows}) >= 70


# A family as it should be; each test below spoils one thing of it.
_HEAD = "".join(f"-- {key:<10}words\n" for key in HEADER)
_GOOD = f"""{_HEAD}
create function feat.made(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    height float8
)
language sql stable parallel safe rows 5000
begin atomic
end;
"""
_VIEWS = (
    _HEAD
    + "select store.make_views('made');\n"
    + "comment on column feat.made_1m.height is\n    'How high it''s. | po'\n"
    "    'ints | 1 bar | a book';\n"
    "select feat.copy_comments('made');\n"
)


def test_a_family_as_it_should_be_passes() -> None:
    assert list(wrongs("made", _GOOD, _VIEWS)) == []


@pytest.mark.parametrize(
    ("part", "other", "said"),
    [
        ("-- Nulls     words\n", "", "header"),
        ("feat.made(\n", "feat.other(\n", "no function feat.made"),
        ("of_symbols text[]", "symbols text[]", "arguments"),
        ("    known_at timestamptz,\n", "", "columns: begin with"),
        ("height float8", "height numeric", "height: not float8"),
        ("height float8", "height float8,\n    width float8", "width: say its"),
        ("make_views('made')", "make_views('other')", "no views of feat.made"),
        ("copy_comments('made')", "copy_comments('other')", "not copied"),
        ("ints | 1 bar", "ints, 1 bar", "height: say its definition"),
        (" | a book", " | ", "height: say its definition"),
        ("'How high it''s. | po'", "'How high it''s. | fo'", "foints is no unit"),
        ("feat.made_1m.height", "feat.made_1m.depth", "depth: is no column"),
    ],
)
def test_what_a_family_lacks_is_named(part: str, other: str, said: str) -> None:
    assert part in _GOOD + _VIEWS
    found = list(wrongs("made", _GOOD.replace(part, other), _VIEWS.replace(part, other)))
    assert any(said in wrong for wrong in found), found

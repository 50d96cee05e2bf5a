"""Read the SQL of `db/sql` that both engines run, as DuckDB statements.

Stage 55, lake. Reads db/sql/50_features, 60_store, 40_bars and the tables' files; gives DuckDB
statements. Pure but for the files. Bodies are unchanged: PostgreSQL and DuckDB run the same SQL.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from thor.database.schema import SQL
from thor.domain.bar import FEATURE_WIDTHS
from thor.errors import Broken

_FUNCTION = re.compile(
    r"^create function (?P<name>[a-z_0-9.]+)\s*\((?P<arguments>[^()]*)\)\s*"
    r"returns (?P<returns>.*?)^language sql [^\n]*\n(?:set [^\n]*\n)?"
    r"(?:begin atomic\n(?P<table>.*?);\nend;|return (?P<value>.*?);)$",
    re.MULTILINE | re.DOTALL,
)
_VIEW = re.compile(r"^create view (?P<name>[a-z_0-9.]+) as\n(?P<body>.*?);$", re.M | re.S)
_AGGREGATE = re.compile(
    r"^create materialized view (?P<name>[a-z_0-9.]+)\nwith \(.*?^\) as\n(?P<body>.*?)"
    r"\nwith no data;$",
    re.MULTILINE | re.DOTALL,
)
_TABLE = re.compile(r"^create table (?P<name>[a-z_0-9.]+) \(\n(?P<body>.*?)^\);$", re.M | re.S)
_COLUMN = re.compile(
    r"^    (?P<name>(?!primary|unique|check|constraint)[a-z_0-9]+) "
    r"(?P<type>numeric\([0-9, ]+\)|[a-z]+)(?P<list> ?\[\])?",
    re.MULTILINE,
)
_FEATURE = re.compile(r"^    ([a-z_0-9]+) float8", re.MULTILINE)
_LENGTHS = {"1m": "61 seconds", "5m": "301 seconds", "1h": "3601 seconds"}
_COMMENT = re.compile(r"^comment on (?:view|column) feat\.[a-z_0-9.]+ is\n.*?';$", re.M | re.S)
# Types that DuckDB names differently, or whose default differs.
_TYPES = {"numeric": "double", "jsonb": "varchar"}
_QUOTIENT = re.compile(r"\((b\.\w+) / nullif\((b\.\w+), 0\)\)::numeric\(18, 8\)")
# Features of PostgreSQL alone: its catalogue, its procedural language.
_FENCE = re.compile(r"\n *offset 0(?=[;\n])")
_NOT_PORTABLE = re.compile(r"language plpgsql|\bpg_class\b")


def features(folder: Path = SQL) -> Iterator[str]:
    """Yield the DuckDB statements that make every feature and its views, in build order.

    They read market.bars_1s, bars_1m, bars_5m, bars_1h and ticks of the DuckDB database, and
    reference. Raises `Broken` for a file with neither portable SQL nor a DuckDB version.
    """
    yield from families(folder)
    yield from feature_views(folder)


def families(folder: Path = SQL) -> Iterator[str]:
    """Yield the DuckDB statements that make the functions of every family, and the matrix."""
    folder = folder / "50_features"
    own = {file.name.removesuffix(".duckdb.sql") for file in folder.glob("*.duckdb.sql")}
    for file in sorted(folder.glob("*.sql")):
        text = file.read_text()
        if file.name.endswith(".duckdb.sql"):
            yield text
        elif file.name.removesuffix(".sql") not in own and not _NOT_PORTABLE.search(text):
            statements = [*macros(text), *views(text)]
            if not statements:
                raise Broken(f"{file.name} holds no function or view that DuckDB can take")
            yield from statements


def feature_views(folder: Path = SQL, stored: Collection[str] = ()) -> Iterator[str]:
    """Yield the DuckDB statements that make the views of every family and of the matrix.

    Those of a width in `stored` read `store.features_<width>`; the others are computed whole
    by every question.
    """
    columns = feature_columns(folder)
    for file in sorted((folder / "60_store").glob("6[2-6]?_*.sql")):
        family = file.stem[4:]
        yield from _views_of(family, columns[family], stored)
        yield from comments(file.read_text())
    yield from _views_of("matrix", [name for names in columns.values() for name in names], stored)
    for file in sorted((folder / "60_store").glob("67?_*.duckdb.sql")):
        yield file.read_text()


def labels(folder: Path = SQL / "60_store") -> Iterator[str]:
    """Yield the DuckDB statements that make `feat.labels`, after those of the families.

    They read market.gaps and reference.rolls too.
    """
    for file in sorted(folder.glob("61[5-9]_*.sql")):
        if file.name.endswith(".duckdb.sql"):
            yield file.read_text()
        elif not (folder / f"{file.stem}.duckdb.sql").exists():
            yield from macros(file.read_text())
            yield from views(file.read_text())


def feature_columns(folder: Path = SQL) -> dict[str, list[str]]:
    """Return the features of each family, in the order of the matrix."""
    found = {
        made["name"].removeprefix("feat."): _FEATURE.findall(made["returns"])
        for file in (folder / "50_features").glob("5[1-5]?_*.sql")
        for made in _FUNCTION.finditer(file.read_text())
    }
    matrix = (folder / "50_features" / "580_matrix.sql").read_text()
    order = dict.fromkeys(re.findall(r"(?:from|join) feat\.([a-z_0-9]+)\('1m'", matrix))
    return {family: found[family] for family in order}


def _views_of(name: str, columns: Collection[str], stored: Collection[str]) -> Iterator[str]:
    held = ", ".join(f's."{column}"' for column in columns)
    for width, length in _LENGTHS.items():
        shown = f"select f.* from feat.{name}('{width}', null, '-infinity', 'infinity') as f"
        if width in stored:
            shown = (
                f"select s.symbol, s.bar_start, s.bar_start + interval '{length}' as known_at, "
                f"{held} from store.features_{width} as s"
            )
        yield f"create view feat.{name}_{width} as\n{shown}"


def aggregates(folder: Path = SQL / "40_bars") -> dict[str, str]:
    """Return the selects that make the stored bars, by name: each reads the one before it.

    The first, market._bars_1s, reads market.ticks. Run `exact` before them.
    """
    found = {
        made["name"]: made["body"]
        for file in sorted(folder.glob("40*.timescale.sql"))
        for made in _AGGREGATE.finditer(file.read_text())
    }
    if not found:
        raise Broken(f"{folder} holds no continuous aggregate that DuckDB can take")
    return found


def bars(folder: Path = SQL / "40_bars") -> Iterator[str]:
    """Yield the views of bars over what `aggregates` makes, and market.bars_imported.

    Before them comes `market.covers`, the rule that chooses one of the two.

    A mean is written as a quotient, which is a double in DuckDB: a macro of `exact` computes it to
    the last digit instead.
    """
    yield from macros((folder / "415_covers.sql").read_text())
    for file in sorted(folder.glob("42*.sql")):
        yield from views(_QUOTIENT.sub(r"market._quotient(\1, \2)", file.read_text()))


def exact(folder: Path = SQL / "40_bars") -> Iterator[str]:
    """Yield DuckDB's own statements for bars: the macros that they call."""
    for file in sorted(folder.glob("*.duckdb.sql")):
        yield file.read_text()


def tables(folder: Path = SQL) -> dict[str, dict[str, str]]:
    """Return the tables of a lake, and market.bars_imported: columns and types."""
    files = [
        *sorted(folder.glob("10_reference/*.sql")),
        folder / "30_ticks" / "300_ticks.sql",
        folder / "30_ticks" / "330_gaps.sql",
        folder / "40_bars" / "410_bars_imported.sql",
        folder / "60_store" / "606_feature_sets.sql",
        folder / "60_store" / "607_feature_rows.sql",
    ]
    return {
        made["name"]: {
            column["name"]: _TYPES.get(column["type"], column["type"])
            + ("[]" if column["list"] else "")
            for column in _COLUMN.finditer(made["body"])
        }
        for file in files
        for made in _TABLE.finditer(file.read_text())
    }


def macros(text: str) -> Iterator[str]:
    """Yield a macro for each SQL function of a file, its body unchanged but for `offset 0`.

    That line is for PostgreSQL's planner alone. DuckDB 2.0 waits for ever for a limit over more
    rows than it keeps in one piece.
    """
    text = _FENCE.sub("", text)
    for found in _FUNCTION.finditer(text):
        named = [part.split()[0] for part in found["arguments"].split(",") if part.strip()]
        arguments = ", ".join(named)
        head = f"create macro {found['name']}({arguments}) as"
        yield f"{head} table\n{found['table']}" if found["table"] else f"{head} ({found['value']})"


def views(text: str) -> Iterator[str]:
    """Yield the views of a file."""
    for found in _VIEW.finditer(text):
        yield f"create view {found['name']} as\n{found['body']}"


def comments(text: str) -> Iterator[str]:
    """Yield the comments of a family's views and their columns, at every width."""
    if "feat.copy_comments(" in text:
        for found in _COMMENT.findall(text):
            head, words = found.split(" is\n", 1)
            for width in FEATURE_WIDTHS:
                yield f"{head.replace('_1m', f'_{width}', 1)} is\n{words}"

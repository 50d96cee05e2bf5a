"""Read the texts of `db/sql` that both engines run, as DuckDB takes them.

Room 55, lake. Reads db/sql/50_features; gives DuckDB statements. Pure but for the
files. A function's body is taken as it stands: PostgreSQL and DuckDB run one text.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from thor.errors import Broken
from thor.schema import SQL

_FUNCTION = re.compile(
    r"^create function (?P<name>[a-z_0-9.]+)\s*\((?P<arguments>[^()]*)\)\s*"
    r"returns (?P<returns>.*?)^language sql [^\n]*\n(?:set [^\n]*\n)?"
    r"(?:begin atomic\n(?P<table>.*?);\nend;|return (?P<value>.*?);)$",
    re.MULTILINE | re.DOTALL,
)
_VIEW = re.compile(r"^create view (?P<name>[a-z_0-9.]+) as\n(?P<body>.*?);$", re.M | re.S)
# Named by what PostgreSQL alone has: its catalogue, its procedural language.
_NOT_PORTABLE = re.compile(r"language plpgsql|\bpg_class\b")


def features(folder: Path = SQL / "50_features") -> Iterator[str]:
    """Yield the DuckDB statements that make every feature, in build order.

    They read market.bars_1m, bars_5m and bars_1h of the DuckDB database. Raises
    `Broken` for a file that has neither a portable text nor one of DuckDB's own.
    """
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


def macros(text: str) -> Iterator[str]:
    """Yield a macro for each SQL function of a text, its body unchanged."""
    for found in _FUNCTION.finditer(text):
        arguments = ", ".join(part.split()[0] for part in found["arguments"].split(","))
        head = f"create macro {found['name']}({arguments}) as"
        yield f"{head} table\n{found['table']}" if found["table"] else f"{head} ({found['value']})"


def views(text: str) -> Iterator[str]:
    """Yield the views of a text."""
    for found in _VIEW.finditer(text):
        yield f"create view {found['name']} as\n{found['body']}"

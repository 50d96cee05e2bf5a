"""SQL lives in db/: no check reads a query inside Python."""

import ast
import re
from collections.abc import Iterator

import psycopg
import pytest
from source_tree import Module, modules

pytestmark = pytest.mark.editions("plain", "timescale")

# They talk to a database that may not have Thor's schema yet, or any.
ALLOWED = {
    "thor/database/schema.py",
    "thor/database/edition.py",
    "thor/database/grants.py",
    "thor/database/roles.py",
    "thor/database/connection.py",
    "thor/services/postgres.py",
    "thor/database/admin.py",
    "thor/lake/query/connect.py",
    "thor/lake/query/sql.py",
    "thor/lake/query/compute.py",
    "thor/lake/query/handed.py",
    "thor/lake/training.py",
}
# A command shown to people.
_REPORTED = re.compile(r"^thor db psql -c '(?P<query>[^']+)'")

_SQL = re.compile(
    r"\bselect\b.+\bfrom\b|\binsert\s+into\b|\bupdate\s+[\w.\"]+\s+set\b|\bdelete\s+from\b"
    r"|\bcopy\s+[\w.\"]+.*\b(from|to)\s+std|\btruncate\s+(table\s+)?[\w.]+\b"
    r"|\b(create|alter|drop)\s+(or\s+replace\s+)?"
    r"(temp(orary)?\s+)?(table|view|index|function|schema|database|role)\b"
    r"|^\s*select\s+[\w.]+\(",
    re.IGNORECASE | re.DOTALL,
)


def queries(module: Module) -> Iterator[str]:
    """Yield the texts that look like SQL; docstrings are prose."""
    docstrings = set(module.docstrings())
    inside = {
        part
        for node in ast.walk(module.tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                str(v.value) if isinstance(v, ast.Constant) else "x" for v in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            if node in docstrings or node in inside:
                continue
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        else:
            continue
        if _SQL.search(text) and not _REPORTED.match(text):
            yield f"{module.path}:{node.lineno} {' '.join(text.split())[:60]}"


def test_no_query_stands_in_python() -> None:
    found = [q for module in modules() if module.path not in ALLOWED for q in queries(module)]
    assert found == [], "name it in db/sql/99_queries and call thor.database"


def reported() -> list[str]:
    """Return the queries shown to people."""
    texts = [
        node.value
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [found["query"] for text in texts if (found := _REPORTED.match(text))]


def test_a_query_shown_to_people_works(database_url: str) -> None:
    queries_shown = reported()
    assert queries_shown, "the first table of `thor up` shows a query to try"
    with psycopg.connect(database_url) as connection:
        for query in queries_shown:
            connection.execute(query.encode())


@pytest.mark.parametrize(
    "text",
    [
        'x = "select a from b"',
        'x = f"select {a}\\nfrom {b}"',
        'x = b"insert into t values (1)"',
        'x = "update market.ticks set a = 1"',
        'x = "delete from t"',
        'x = "create temporary table t (a int)"',
        "x = 'select pg_advisory_lock(1)'",
    ],
)
def test_a_query_would_be_seen(text: str) -> None:
    assert len(list(queries(Module("thor/x.py", text)))) == 1


def test_prose_about_selecting_is_no_query() -> None:
    text = '"""Select a row from the table."""\nx = "updated the settings"\n'
    assert list(queries(Module("thor/x.py", text))) == []

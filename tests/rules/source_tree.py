"""The product's source as the rules see it: files, syntax trees, prose."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("thor", "api", "jobs")
SQL = ROOT / "db" / "sql"
MIGRATIONS = ROOT / "db" / "migrations" / "versions"

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Prose(NamedTuple):
    """A docstring or a comment, and the line it begins on."""

    line: int
    text: str


class Module:
    """One Python file of the product, parsed once."""

    def __init__(self, path: str, text: str | None = None) -> None:
        """Take the path below the root; the text too where a test makes it up."""
        self.path = path
        self.text = (ROOT / path).read_text() if text is None else text

    def __repr__(self) -> str:
        """Show the path, which is also the test's id."""
        return self.path

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, self.path)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {
            child: parent
            for parent in ast.walk(self.tree)
            for child in ast.iter_child_nodes(parent)
        }

    @property
    def is_package(self) -> bool:
        """Whether it is an `__init__`."""
        return self.path.endswith("__init__.py")

    def functions(self) -> Iterator[Function]:
        """Every function, methods and nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def imports(self) -> Iterator[tuple[int, str]]:
        """Every absolute import, wherever it stands: its line and its dotted name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)

    def docstrings(self) -> Iterator[ast.Constant]:
        """The string nodes that are docstrings."""
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Module | ast.ClassDef | Function) or not node.body:
                continue
            match node.body[0]:
                case ast.Expr(value=ast.Constant(value=str()) as docstring):
                    yield docstring

    def prose(self) -> Iterator[Prose]:
        """Docstrings and comments: what is written for people."""
        for node in self.docstrings():
            yield Prose(node.lineno, str(node.value))
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield Prose(token.start[0], token.string.lstrip("# "))


@cache
def modules(*packages: str) -> list[Module]:
    """Every Python module of the packages, all three unless some are named, each parsed once."""
    return [
        Module(file.relative_to(ROOT).as_posix())
        for package in packages or PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
    ]


def sql_files() -> list[str]:
    """Every file of db/sql, named statements included, as paths below the root."""
    return [file.relative_to(ROOT).as_posix() for file in sorted(SQL.rglob("*.sql"))]


_SQL_PROSE = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)


def without_sql_prose(text: str) -> str:
    """The SQL without its comments and with its strings emptied, its lines unchanged."""
    return _SQL_PROSE.sub(_blank, text)


def _blank(found: re.Match[str]) -> str:
    quotes = "''" if found[0].startswith("'") else ""
    return quotes + "\n" * found[0].count("\n")

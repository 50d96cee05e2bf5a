"""Text: nothing unfinished, lines that fit, lower-case SQL."""

import re
from collections.abc import Iterator

from source_tree import ROOT, Prose, modules, sql_files, without_sql_prose

SQL_COLUMNS_MAX = 80

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplemented(Error)?|[Pp]laceholder|[Ss]tub)\b")

MIGRATIONS = [
    file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "db/migrations").rglob("*.sql"))
]


def sql_texts() -> Iterator[tuple[str, str]]:
    """Yield each SQL file's path below the root and its text."""
    for path in sql_files() + MIGRATIONS:
        yield path, (ROOT / path).read_text()


def _lines(text: str) -> Iterator[Prose]:
    return (Prose(number, line) for number, line in enumerate(text.splitlines(), 1))


def test_nothing_is_unfinished() -> None:
    texts = [*((module.path, module.text) for module in modules()), *sql_texts()]
    found = [f"{path}: {word[0]}" for path, text in texts for word in UNFINISHED.finditer(text)]
    assert found == [], "finish it, or open an issue and take the word out"


def test_a_line_of_sql_has_at_most_80_columns_and_ends_with_ink() -> None:
    wrong = [
        f"{path}:{number} has {len(line)} columns or ends with a blank"
        for path, text in sql_texts()
        for number, line in _lines(text)
        if len(line) > SQL_COLUMNS_MAX or line != line.rstrip()
    ]
    assert wrong == [], "a header may go on in a second line"


def test_sql_is_written_in_lower_case() -> None:
    found = [
        f"{path}: {word}"
        for path, text in sql_texts()
        for word in re.findall(r"\b[A-Z]\w*", without_sql_prose(text))
    ]
    assert found == []

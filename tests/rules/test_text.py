"""What is written: finished, in lines that fit, in one spelling."""

import re
from collections.abc import Iterator

import pytest
from source_tree import ROOT, Module, Prose, modules, sql_files, without_sql_prose

PYTHON_COLUMNS_MAX = 100
SQL_COLUMNS_MAX = 80

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplemented(Error)?|[Pp]laceholder|[Ss]tub)\b")

_IZE = (
    "initial|serial|deserial|normal|optim|recogn|organ|synchron|summar|real|priorit|custom|"
    "author|minim|maxim|util|capital|final|memor|special|standard|emphas|categor|general"
)
AMERICAN = re.compile(
    rf"\b(({_IZE})iz(e|ed|es|ing|er|ers|ation|ations)|colou?r(?<!colour)s?|"
    r"behaviors?|analyz(e|ed|es|er|ing)|centers?|centered|label(ed|ing)|cancel(ed|ing)|"
    r"model(ed|ing)|travel(ed|ing)|signal(ed|ing)|total(ed|ing)|catalogs?|gr[a]y|favors?|"
    r"favorites?|honors?|neighbors?|fulfills?|judgments?|defenses?|artifacts?)\b",
    re.IGNORECASE,
)

PYTHON = modules()
MIGRATIONS = [
    file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "db/migrations").rglob("*.sql"))
]
SQL_TEXTS = sql_files() + MIGRATIONS


def american(prose: Iterator[Prose]) -> list[str]:
    """Return the American spellings; what stands in backticks is somebody's name."""
    return [
        f"line {line}: {found[0]}"
        for line, text in prose
        for found in AMERICAN.finditer(re.sub(r"`[^`]*`", "", text))
    ]


def _too_long(text: str, columns_max: int) -> list[str]:
    return [
        f"line {number} has {len(line)} columns"
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > columns_max
    ]


def _trailing(text: str) -> list[str]:
    return [f"line {n}" for n, line in enumerate(text.splitlines(), 1) if line != line.rstrip()]


@pytest.mark.parametrize("module", PYTHON, ids=str)
def test_no_module_is_unfinished(module: Module) -> None:
    found = [word[0] for word in UNFINISHED.finditer(module.text)]
    assert found == [], f"{module.path}: finish it, or open an issue and take the word out"


@pytest.mark.parametrize("path", SQL_TEXTS)
def test_no_sql_file_is_unfinished(path: str) -> None:
    found = [word[0] for word in UNFINISHED.finditer((ROOT / path).read_text())]
    assert found == [], f"{path}: finish it, or open an issue and take the word out"


@pytest.mark.parametrize("module", PYTHON, ids=str)
def test_a_line_of_python_has_at_most_100_columns(module: Module) -> None:
    assert _too_long(module.text, PYTHON_COLUMNS_MAX) == [], module.path


@pytest.mark.parametrize("path", SQL_TEXTS)
def test_a_line_of_sql_has_at_most_80_columns_and_ends_with_ink(path: str) -> None:
    text = (ROOT / path).read_text()
    assert _too_long(text, SQL_COLUMNS_MAX) == [], f"{path}: a header may go on in a second line"
    assert _trailing(text) == [], path


@pytest.mark.parametrize("path", SQL_TEXTS)
def test_sql_is_written_in_lower_case(path: str) -> None:
    bare = without_sql_prose((ROOT / path).read_text())
    assert re.findall(r"\b[A-Z]\w*", bare) == [], path


@pytest.mark.parametrize("module", PYTHON, ids=str)
def test_prose_in_python_is_spelt_as_in_britain(module: Module) -> None:
    assert american(module.prose()) == [], module.path


@pytest.mark.parametrize("path", SQL_TEXTS)
def test_prose_in_sql_is_spelt_as_in_britain(path: str) -> None:
    lines = (ROOT / path).read_text().splitlines()
    assert american(Prose(number, line) for number, line in enumerate(lines, 1)) == [], path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Serialize the color.", ["line 1: Serialize", "line 1: color"]),
        ("The colour of `color`, serialised; a prize of a size.", []),
        ("Behavior at the center", ["line 1: Behavior", "line 1: center"]),
    ],
)
def test_american_spelling_would_be_seen(text: str, words: list[str]) -> None:
    assert american(iter([Prose(1, text)])) == words

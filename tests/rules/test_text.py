"""What is written: finished, in lines that fit, in one spelling."""

import re
from collections.abc import Iterator

import pytest
from source_tree import ROOT, Prose, modules, sql_files, without_sql_prose

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

MIGRATIONS = [
    file.relative_to(ROOT).as_posix() for file in sorted((ROOT / "db/migrations").rglob("*.sql"))
]


def sql_texts() -> Iterator[tuple[str, str]]:
    """Yield each SQL file's path below the root and its text."""
    for path in sql_files() + MIGRATIONS:
        yield path, (ROOT / path).read_text()


def american(prose: Iterator[Prose]) -> list[str]:
    """Return the American spellings; what stands in backticks is somebody's name."""
    return [
        f"{line}: {found[0]}"
        for line, text in prose
        for found in AMERICAN.finditer(re.sub(r"`[^`]*`", "", text))
    ]


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


def test_prose_is_spelt_as_in_britain() -> None:
    found = [f"{m.path}:{wrong}" for m in modules() for wrong in american(m.prose())]
    found += [f"{path}:{wrong}" for path, text in sql_texts() for wrong in american(_lines(text))]
    assert found == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Serialize the color.", ["1: Serialize", "1: color"]),
        ("The colour of `color`, serialised; a prize of a size.", []),
        ("Behavior at the center", ["1: Behavior", "1: center"]),
    ],
)
def test_american_spelling_would_be_seen(text: str, words: list[str]) -> None:
    assert american(iter([Prose(1, text)])) == words

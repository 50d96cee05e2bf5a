"""The words of an older, private language stay out: the field's own words are in their place."""

import re
from collections.abc import Iterator

import pytest
from source_tree import ROOT

FOLDERS = ("thor", "api", "jobs", "db/sql", "tests", "bench", "docs", "ui/src", "ui/e2e")
SUFFIXES = {".py", ".sql", ".lua", ".md", ".ts", ".tsx", ".css", ".ipynb", ".yml"}

# What to write instead: each is a family of words, matched whole, also within identifiers.
INSTEAD = {
    "rooms?|hallways?|cellars?": "stage, flow, foundation; space, a margin",
    "doors?": "entry point, connection",
    "houses?": "system, home",
    "told|untold|unsaid": "reported, published, given; without",
    "wish(?:es|ed|ing)?|unwished": "filter, subscription, request; stop event",
    "whoever": "a reader that, every process that",
    "seats?": "claim",
    "upkeep": "maintenance",
    "audience": "subscribers",
    "strangers?": "foreign, unknown",
    "speaks? (?:of|for)": "claims, has, means",
}
WORDS = {
    re.compile(rf"(?<![A-Za-z])(?:{words})(?![A-Za-z])", re.IGNORECASE): instead
    for words, instead in INSTEAD.items()
}


def texts() -> Iterator[tuple[str, str]]:
    """Yield the path below the root and the text of all that people read or call by name."""
    loose = [*ROOT.glob("*.md"), ROOT / "docker-compose.yml", ROOT / "ui/build.py"]
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*"))]
    for file in [*loose, *files]:
        if file.suffix in SUFFIXES and file.name != "test_words.py":
            yield file.relative_to(ROOT).as_posix(), file.read_text()


def private(text: str) -> Iterator[str]:
    """Yield `line: word, write …` for each private word; an identifier is read word by word."""
    for number, line in enumerate(text.splitlines(), 1):
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", line).replace("_", " ")
        for pattern, instead in WORDS.items():
            for found in pattern.finditer(words):
                yield f"{number}: {found[0]}, write {instead}"


def test_no_private_word_is_in_product_and_tests() -> None:
    found = [f"{path}:{word}" for path, text in texts() for word in private(text)]
    assert found == [], "write the word after the comma"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the house's door", ["1: door", "1: house"]),
        ("def start_house(Told): ...", ["1: house", "1: Told"]),
        ("class CrashHouse:", ["1: House"]),
        ("a doorway in a warehouse, retold", []),
    ],
)
def test_a_private_word_would_be_seen(text: str, words: list[str]) -> None:
    assert sorted(word.partition(",")[0] for word in private(text)) == sorted(words)

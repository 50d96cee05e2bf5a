"""The documents name only what exists: files, modules, commands, targets, settings."""

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from source_tree import ROOT
from typer.core import TyperGroup

from thor.cli import app
from thor.config import Settings, own_name

NEEDED = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]
DOCUMENTS = sorted({*NEEDED, *(f.relative_to(ROOT).as_posix() for f in ROOT.glob("docs/**/*.md"))})
every_document = pytest.mark.parametrize("document", DOCUMENTS)

FOLDERS = {"thor", "api", "jobs", "db", "tests", "bench", "docs", "ui", "ops", ".ci"}
# A bare name with another suffix is the reader's own file, a tape for example.
_SUFFIXES = r"py|sql|md|toml|yml|yaml|lock|ini|lua|mako"
_PATH = re.compile(rf"^(?:[\w.*-]+/)+[\w.*-]*$|^[\w.*-]+\.(?:{_SUFFIXES})$|^Makefile$|^\.[\w.]+$")
_MADE_UP = re.compile(r"[…<>{}]|NNNN|\.\.\.|^\.\./|^\.(py|sql|md)$|^x\.")
_SETTING = re.compile(r"\bTHOR_[A-Z0-9_]*[A-Z0-9]\b")


def code(text: str) -> Iterator[str]:
    """Yield what is written as code: spans in backticks, and the lines of fenced blocks."""
    for number, part in enumerate(re.split(r"^```.*$", text, flags=re.MULTILINE)):
        if number % 2:
            yield from part.splitlines()
        else:
            yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", part))


def paths(text: str) -> Iterator[str]:
    """Yield the words of code that look like a file or folder of this repository."""
    for span in code(text):
        for word in re.split(r"[\s,;()='\"]+", span):
            word = word.rstrip(".:")
            if not _PATH.match(word) or _MADE_UP.search(word):
                continue
            if "/" not in word or word.split("/")[0] in FOLDERS:
                yield word


def exists(path: str) -> bool:
    """Return whether a path, with stars or not, or a bare file name is in the tree."""
    if "/" in path:
        return any(ROOT.glob(path.rstrip("/")))
    return (ROOT / path).exists() or any(
        any((ROOT / folder).rglob(path)) for folder in FOLDERS if (ROOT / folder).is_dir()
    )


def commands(text: str) -> Iterator[list[str]]:
    """Yield each `thor …` that is written as code, as its words."""
    for span in code(text):
        found = re.match(r"^(?:\$ )?(?:\S*/)?thor((?: [a-z][a-z0-9-]*)+)", span.strip())
        if found:
            yield found[1].split()


def unknown_command(words: list[str]) -> str | None:
    """Return the words up to the first that is no command, or None."""
    command = typer.main.get_command(app)
    for place, word in enumerate(words, 1):
        if not isinstance(command, TyperGroup):
            return None
        if word not in command.commands:
            return "thor " + " ".join(words[:place])
        command = command.commands[word]
    return None


def _text(document: str) -> str:
    path = ROOT / document
    assert path.exists(), f"write {document}"
    return path.read_text()


@every_document
def test_a_document_names_only_files_that_exist(document: str) -> None:
    gone = sorted({path for path in paths(_text(document)) if not exists(path)})
    assert gone == [], f"{document}: correct or take out"


@every_document
def test_a_link_leads_somewhere(document: str) -> None:
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", _text(document))
    folder = (ROOT / document).parent
    assert [link for link in links if not (folder / link).exists()] == [], document


@every_document
def test_a_document_names_only_modules_that_exist(document: str) -> None:
    gone = []
    for span in code(_text(document)):
        for name in re.findall(r"(?<![\w./-])(?:thor|api|jobs)(?:\.[A-Za-z_]\w*)+", span):
            try:
                pkgutil.resolve_name(name)
            except (ImportError, AttributeError):
                gone.append(name)
    assert gone == [], f"{document}: correct or take out"


@every_document
def test_a_document_names_only_targets_of_the_makefile(document: str) -> None:
    spans = [span for span in code(_text(document)) if re.match(r"(?:\$ )?make\b", span.strip())]
    named = {
        word for span in spans for word in re.findall(r"\bmake ([a-z][\w-]*)", span.split("#")[0])
    }
    makefile: Path = ROOT / "Makefile"
    targets = set(re.findall(r"^([\w-]+):(?!=)", makefile.read_text(), re.MULTILINE))
    assert named <= targets, f"{document}: the Makefile has no {named - targets}"


@every_document
def test_a_document_names_only_commands_that_exist(document: str) -> None:
    unknown = [name for words in commands(_text(document)) if (name := unknown_command(words))]
    assert unknown == [], f"{document}: correct or take out"


@every_document
def test_a_document_names_only_settings_that_exist(document: str) -> None:
    named = set(_SETTING.findall(_text(document)))
    known = {own_name(name) for name in Settings.model_fields}
    for file in (
        *("tests/conftest.py", "tests/support/timescale.py", "tests/api/test_every_role.py"),
        "docker-compose.yml",
    ):
        known |= set(_SETTING.findall((ROOT / file).read_text()))
    assert named <= known, f"{document}: thor.config.Settings has no {named - known}"


def test_what_does_not_exist_would_be_seen() -> None:
    text = (
        "See `thor/gone.py`, `thor/clock.py`, `db/sql/*/*.sql` and `gone.sql`,\n"
        "not thor/prose.py nor `thor/<name>.py`.\n```\npython tests/gone/\n$ thor db gone\n```\n"
    )
    named = list(paths(text))
    assert [path for path in named if not exists(path)] == [
        "thor/gone.py",
        "gone.sql",
        "tests/gone/",
    ]
    assert list(commands(text)) == [["db", "gone"]]
    assert unknown_command(["db", "gone"]) == "thor db gone"
    assert unknown_command(["db", "up"]) is None

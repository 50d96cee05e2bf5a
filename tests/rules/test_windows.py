"""docs/windows.md names commands, options, services and states that there are."""

import re
from collections.abc import Iterator

import pytest
import typer.main
import yaml
from source_tree import ROOT
from typer.core import TyperGroup

from jobs import poll_tos_excel
from thor.cli import app
from thor.market.collect.excel.states import STATES

TEXT = (ROOT / "docs" / "windows.md").read_text()
_OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]*")


def lines() -> Iterator[str]:
    """Yield what is written as code, a command a line."""
    for number, part in enumerate(re.split(r"^ *```.*$", TEXT, flags=re.MULTILINE)):
        if number % 2:
            yield from (line.strip() for line in part.splitlines() if line.strip())
        else:
            yield from re.findall(r"`([^`]+)`", part)


def options_of(words: list[str]) -> set[str]:
    """Return the options of a `thor` command; fails where there is none of that name."""
    command = typer.main.get_command(app)
    for word in words:
        if not isinstance(command, TyperGroup):
            break
        assert word in command.commands, f"there is no `thor {' '.join(words)}`"
        command = command.commands[word]
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("line", [line for line in lines() if line.startswith("thor ")])
def test_a_command_of_thor_exists_with_its_options(line: str) -> None:
    words = re.match(r"thor((?: [a-z][a-z-]*)+)", line)
    assert words is not None, line
    assert set(_OPTION.findall(line)) <= options_of(words[1].split())


@pytest.mark.parametrize("line", [line for line in lines() if "-m jobs." in line])
def test_a_job_exists_with_its_options(line: str) -> None:
    assert "jobs.poll_tos_excel" in line
    known = poll_tos_excel._parser()._option_string_actions
    assert set(_OPTION.findall(line)) <= set(known)


@pytest.mark.parametrize("line", [line for line in lines() if line.startswith("docker compose")])
def test_a_service_of_compose_exists(line: str) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert line.split()[-1] in services


def test_every_state_has_its_line_and_what_to_do() -> None:
    table = re.findall(r"^\| `([^`]+)` \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE)
    assert [row[0] for row in table] == list(STATES)


def test_the_commands_of_the_document_are_found() -> None:
    found = [line.split()[1] for line in lines() if line.startswith("thor ")]
    assert {"up", "doctor", "status", "excel", "poll-tos-excel", "instruments"} <= set(found)

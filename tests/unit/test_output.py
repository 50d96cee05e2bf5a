"""What the commands print: whole in a pipe, and whole in a terminal of 80 columns."""

import io
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from thor import __version__
from thor.cli import app, common
from thor.errors import Rejected, Unavailable

PATH = "/home/somebody/.local/share/thor/logs/with-a-name-that-is-longer-than-a-terminal/bars.log"
ROWS: list[dict[str, Any]] = [
    {"name": "postgres", "state": "running", "price": "117.984375", "reason": None, "log": PATH},
    {"name": "bars", "state": "failing", "price": "6872.25", "reason": "no\nbeat [1]", "log": PATH},
]


def terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> io.StringIO:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None, soft_wrap=True)
    monkeypatch.setattr(common, "console", console)
    return out


def test_a_pipe_gets_one_whole_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    common.show(ROWS, "what runs", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "what runs"
    assert lines[1].split() == ["name", "state", "price", "reason", "log"]
    assert lines[2].split() == ["postgres", "running", "117.984375", "-", PATH]
    assert lines[3].split() == ["bars", "failing", "6872.25", "no", "beat", "[1]", PATH]
    assert len(lines) == 4


@pytest.mark.parametrize("width", [20, 80])
def test_a_narrow_terminal_cuts_nothing(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    out = terminal(monkeypatch, width)
    common.show(ROWS, "what runs", as_json=False)
    shown = out.getvalue()
    # What does not fit stands on a line of its own, which the terminal wraps when it draws.
    assert [line.split() for line in shown.splitlines() if " log " in line] == [["log", PATH]] * 2
    assert "117.984375" in shown
    assert "[1]" in shown
    assert "…" not in shown


def test_a_terminal_that_is_wide_enough_shows_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    out = terminal(monkeypatch, 160)
    common.show(ROWS, "what runs", as_json=False)
    (line,) = [line for line in out.getvalue().splitlines() if "postgres" in line]
    assert PATH in line
    assert "│" in line


def test_a_long_command_is_one_line_that_can_be_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = terminal(monkeypatch, 80)
    command = (
        "thor instruments add BAC --asset-class equity --tick-size 0.01 --name 'Bank of America'"
    )
    common.console.print(command)
    assert out.getvalue() == command + "\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Thor does not run in {home}: start it with `thor up`"),
        (
            {"THOR_DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c"},
            "does the server run that THOR_DATABASE_URL names?",
        ),
    ],
)
def test_an_error_of_a_server_that_is_away_ends_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, given: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THOR_DATABASE_URL", raising=False)
    monkeypatch.setenv("THOR_HOME", str(tmp_path / "home"))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    refused = Unavailable("PostgreSQL: Connection refused")
    locked_out = Unavailable('PostgreSQL: … failed: FATAL:  database "c" does not exist')
    made = "; make it with `createdb`, or name another in THOR_DATABASE_URL"
    assert common.cure(locked_out) == (made if given else common.cure(refused))
    assert common.cure(refused) == "; " + said.format(home=tmp_path / "home")
    assert common.cure(Rejected("tick_size: is missing")) == ""


def test_the_version_is_printed_and_a_shell_completes_commands() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.output) == (0, f"thor {__version__}\n")
    words = {"_THOR_COMPLETE": "complete_bash", "COMP_WORDS": "thor instr", "COMP_CWORD": "1"}
    asked = CliRunner().invoke(app, [], prog_name="thor", env=words)
    assert asked.output.split() == ["instruments"]

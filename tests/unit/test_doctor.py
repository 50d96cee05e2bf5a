"""What `thor doctor` and `thor up` make of a wrong setting, home or port."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ticks_made import settings
from typer.testing import CliRunner

from thor.cli import app, up
from thor.errors import Refused, Rejected
from thor.services.home import Home

PUBLIC = "https://thor.example.com"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def findings(
    monkeypatch: pytest.MonkeyPatch, folder: Path, **given: str
) -> dict[str, dict[str, str]]:
    monkeypatch.chdir(folder)
    for name in ("THOR_DATABASE_URL", "THOR_REDIS_URL", "THOR_API_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"THOR_HOME": str(folder / "home"), **given}.items():
        monkeypatch.setenv(name, value)
    answer = CliRunner().invoke(app, ["doctor", "--json"])
    assert answer.exit_code == 1
    found = json.loads(answer.output)
    wrong = {one["what"]: one for one in found if one["verdict"] != "good"}
    assert all(one["fix"] for one in wrong.values() if one["verdict"] == "wrong")
    return wrong


def test_a_wrong_setting_is_a_finding_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = findings(monkeypatch, tmp_path, THOR_API_PORT="abc")
    assert "THOR_API_PORT: 'abc' should be a valid integer" in wrong["settings"]["found"]


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"THOR_API_HOST": "0.0.0.0"}, Refused, "THOR_API_HOST: 0.0.0.0 can be reached"),
        (
            {"THOR_API_HOST": "0.0.0.0", "THOR_PUBLIC_URL": PUBLIC, "THOR_AUTH": "off"},
            Refused,
            "THOR_AUTH: off is for this machine alone",
        ),
        ({"THOR_PUBLIC_URL": "http://thor.example.com"}, Rejected, "THOR_PUBLIC_URL: "),
        ({"THOR_PROXIES": "proxy.example.com"}, Rejected, "THOR_PROXIES: "),
        ({"THOR_API_ORIGINS": "example"}, Rejected, "THOR_API_ORIGINS: "),
    ],
)
def test_what_the_api_would_refuse_is_a_finding_and_starts_nothing(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: dict[str, str],
    error: type[Exception],
    text: str,
) -> None:
    wrong = findings(monkeypatch, tmp_path, **given)
    assert wrong["API address"]["found"].startswith(text)
    answer = CliRunner().invoke(app, ["up", "--no-open"])
    assert type(answer.exception) is error
    assert str(answer.exception).startswith(text)
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_is_a_finding_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    wrong = findings(monkeypatch, tmp_path, THOR_HOME=str(file / "home"))
    assert wrong["home"]["found"] == f"{file} is no folder"
    assert wrong["home"]["fix"] == "set THOR_HOME to a folder of your own"


def test_a_stopped_thor_is_a_finding_that_says_how_it_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = findings(monkeypatch, tmp_path)
    assert wrong["database"]["fix"] == "start it with `thor up`"
    assert wrong["bus"]["fix"] == "start it with `thor up`"


def test_a_taken_port_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taken: int
) -> None:
    wrong = findings(monkeypatch, tmp_path, THOR_API_PORT=str(taken))
    assert wrong["API port"]["found"] == f"{taken} is taken by another process"
    assert "THOR_API_PORT" in wrong["API port"]["fix"]


def test_a_port_that_was_asked_for_and_is_taken_is_refused(tmp_path: Path, taken: int) -> None:
    home = Home(tmp_path)
    with pytest.raises(Refused, match=f"THOR_API_PORT: {taken} is taken by another process"):
        up._port(settings(api_port=taken), home)


def test_the_usual_port_that_is_taken_is_replaced_by_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, taken: int
) -> None:
    said: list[str] = []
    monkeypatch.setattr(up, "tell", said.append)
    asked = settings(api_port=taken)
    asked.__pydantic_fields_set__.discard("api_port")
    port = up._port(asked, Home(tmp_path))
    assert port != taken
    assert f"port {taken} is taken" in said[0]
    assert str(port) in said[0]

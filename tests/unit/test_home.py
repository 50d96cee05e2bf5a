"""THOR_HOME: its lock, its passwords, its ports, and the folders that it leaves alone."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thor.errors import Broken, NotFound, Refused, Rejected
from thor.services.home import Home, is_free, write_beside
from thor.services.identity import Identity, identity, is_alive
from thor.services.process import rotate
from thor.services.status import HomeStatus, ProcessStatus, State, read_status, write_status

ROOT = Path(__file__).parents[2]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends its servers to a user")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may enter; pytest's own are closed to all but one."""
    with tempfile.TemporaryDirectory(prefix="thor-home-") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_second_holder_is_refused_by_path_pid_and_fix(open_folder: Path) -> None:
    with Home(open_folder / "home").lock(), pytest.raises(Refused) as refused:
        Home(open_folder / "home").lock().__enter__()
    reported = str(refused.value)
    assert str(open_folder / "home") in reported
    assert f"pid {os.getpid()} since 20" in reported
    assert "set THOR_HOME to another folder" in reported


def test_a_home_named_by_a_link_is_the_same_home(open_folder: Path) -> None:
    (open_folder / "link").symlink_to(open_folder / "home")
    with Home(open_folder / "home").lock(), pytest.raises(Refused):
        Home(open_folder / "link").lock().__enter__()


def test_a_released_home_can_be_held_again(open_folder: Path) -> None:
    home = Home(open_folder / "home")
    with home.lock():
        pass
    with home.lock():
        assert home.logs.is_dir()


def test_two_homes_are_held_side_by_side(open_folder: Path) -> None:
    with Home(open_folder / "one").lock() as one, Home(open_folder / "two").lock() as two:
        assert one.path != two.path


def test_a_holder_that_is_killed_lets_go(open_folder: Path) -> None:
    script = (
        "import pathlib, sys, time\n"
        "from thor.services.home import Home\n"
        "with Home(pathlib.Path(sys.argv[1])).lock():\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(open_folder / "home")],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Refused, match=f"pid {holder.pid} "):
            Home(open_folder / "home").lock().__enter__()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with Home(open_folder / "home").lock():
        pass


def test_the_home_is_closed_to_others_but_for_the_way_to_the_servers(open_folder: Path) -> None:
    with Home(open_folder / "deep" / "home").lock() as home:
        assert mode(home.path) == (0o711 if os.geteuid() == 0 else 0o700)
        assert mode(home.logs) == 0o700


def test_credentials_are_made_once_and_readable_by_their_owner_only(open_folder: Path) -> None:
    with Home(open_folder / "home").lock() as home:
        made = home.ensure_credentials()
        assert home.ensure_credentials() == made == Home(home.path).credentials()
        assert mode(home.path / "credentials.json") == 0o600
    assert made.postgres != made.redis
    assert min(len(made.postgres), len(made.redis)) >= 32
    assert made.postgres not in repr(made)
    assert made.redis not in repr(made)


def test_two_homes_have_different_passwords(open_folder: Path) -> None:
    with Home(open_folder / "one").lock() as one, Home(open_folder / "two").lock() as two:
        assert one.ensure_credentials() != two.ensure_credentials()


def test_a_new_home_reports_that_it_has_no_credentials_yet(open_folder: Path) -> None:
    with pytest.raises(NotFound, match="start thor up first"):
        Home(open_folder / "home").credentials()


def test_lost_credentials_beside_a_database_are_not_made_again(open_folder: Path) -> None:
    with Home(open_folder / "home").lock() as home:
        home.pg.mkdir()
        with pytest.raises(Broken, match=r"credentials\.json is gone"):
            home.ensure_credentials()


def test_spoilt_credentials_are_named(open_folder: Path) -> None:
    with Home(open_folder / "home").lock() as home:
        (home.path / "credentials.json").write_text("{")
        with pytest.raises(Broken, match=r"credentials\.json cannot be read"):
            home.ensure_credentials()


def test_a_port_is_remembered_while_it_is_free(open_folder: Path) -> None:
    with Home(open_folder / "home").lock() as home:
        port = home.choose_port("postgres")
        assert is_free(port)
        assert home.choose_port("postgres") == port == Home(home.path).ports()["postgres"]
        assert home.choose_port("valkey") != port


def test_a_port_that_is_taken_meanwhile_is_left_to_its_taker(open_folder: Path) -> None:
    with Home(open_folder / "home").lock() as home, socket.socket() as taker:
        port = home.choose_port("postgres")
        taker.bind(("127.0.0.1", port))
        taker.listen()
        other = home.choose_port("postgres")
        assert other != port
        assert home.ports() == {"postgres": other}


def test_a_preferred_port_comes_before_the_stored_one(open_folder: Path) -> None:
    with Home(open_folder / "home").lock() as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        requested = probe.getsockname()[1]
        # Bound but not listening: taken all the same.
        first = home.choose_port("api", requested)
        assert first != requested
        probe.close()
        assert home.choose_port("api", requested) == requested


def test_a_file_where_the_home_should_be_is_rejected_by_name(open_folder: Path) -> None:
    (open_folder / "home").write_text("not a folder")
    with pytest.raises(Rejected, match=f"THOR_HOME: {open_folder}/home"):
        Home(open_folder / "home").lock().__enter__()


def test_a_path_that_initdb_cannot_bear_is_rejected(open_folder: Path) -> None:
    with pytest.raises(Rejected, match=r"""contains '"'"""):
        Home(open_folder / 'my "home"').lock().__enter__()


@only_root
def test_a_closed_folder_is_named_and_left_closed(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(Rejected) as rejected:
        Home(closed / "home").lock().__enter__()
    assert f"cannot enter {closed} " in str(rejected.value)
    assert f"chmod o+x {closed}" in str(rejected.value)
    assert mode(closed) == 0o700
    assert list(closed.iterdir()) == []


@only_root
def test_a_home_of_another_user_is_rejected(open_folder: Path) -> None:
    (open_folder / "home").mkdir(mode=0o755)
    os.chown(open_folder / "home", 65534, 65534)
    with pytest.raises(Rejected, match="belongs to uid 65534, and you are uid 0"):
        Home(open_folder / "home").lock().__enter__()
    assert list((open_folder / "home").iterdir()) == []


@only_root
def test_the_owner_of_the_data_runs_the_servers(open_folder: Path) -> None:
    with Home(open_folder / "home").lock() as home:
        home.bus.mkdir()
        os.chown(home.bus, 65534, 65534)
        user = home.user()
        assert user is not None
        assert (user.name, user.uid) == ("nobody", 65534)


@only_root
def test_data_of_root_is_rejected_since_no_server_may_run_as_root(open_folder: Path) -> None:
    with Home(open_folder / "home").lock() as home:
        home.pg.mkdir()
        with pytest.raises(Rejected, match="belongs to uid 0, which cannot run a server"):
            home.user()


def test_a_process_is_distinguished_from_another_with_its_pid() -> None:
    me = identity(os.getpid())
    assert me is not None
    assert is_alive(me)
    assert not is_alive(Identity(me.pid, me.born_s - 1))
    child = subprocess.Popen(["sleep", "60"])
    its = identity(child.pid)
    assert is_alive(its)
    child.kill()
    # Dead but not yet waited for: a zombie runs nothing.
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(its)
    child.wait()
    assert not is_alive(its)


def test_a_status_whose_supervisor_is_gone_reads_as_stopped(open_folder: Path) -> None:
    me = identity(os.getpid())
    assert me is not None
    gone = Identity(me.pid, me.born_s - 1)
    with Home(open_folder / "home").lock() as home:
        said: list[tuple[str, State, Identity | None]] = [
            ("ingest", "running", gone),
            ("left", "running", me),
            ("api", "waiting", None),
            ("refused-job", "failed", None),
        ]
        processes = {
            name: ProcessStatus(name=name, kind="job", state=state, log="", process=process)
            for name, state, process in said
        }
        status = HomeStatus(home=str(home.path), supervisor=gone, processes=processes)
        write_status(home, status)
        read = read_status(home)
        assert not read.is_alive
        assert {name: process.state for name, process in read.processes.items()} == {
            "ingest": "stopped",
            "left": "running",
            "api": "stopped",
            "refused-job": "failed",
        }
        status.supervisor = me
        write_status(home, status)
        assert read_status(home).is_alive
        assert read_status(home).processes["ingest"].state == "running"


def test_a_home_where_nothing_ran_has_an_empty_status(open_folder: Path) -> None:
    read = read_status(Home(open_folder / "home"))
    assert (read.is_alive, read.processes) == (False, {})


@given(st.binary(max_size=200))
def test_a_damaged_status_file_reads_as_empty(spoilt: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name))
        home.run.mkdir()
        home.status_file.write_bytes(spoilt)
        assert read_status(home) == HomeStatus(home=str(home.path))


def test_a_file_is_replaced_in_one_step_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    write_beside(path, b"old")
    before = path.open("rb")
    write_beside(path, b"new")
    # A process that had it open still reads the old one, whole.
    with before:
        assert before.read() == b"old"
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["ports.json"]


def test_a_long_log_is_moved_aside_and_three_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thor.services.process.LOG_BYTES_MAX", 3)
    log = tmp_path / "api.log"
    for text in ("1111", "2222", "3333", "4444"):
        log.write_text(text)
        rotate(log)
    log.write_text("5")
    rotate(log)
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"api.log": "5", "api.log.1": "4444", "api.log.2": "3333", "api.log.3": "2222"}

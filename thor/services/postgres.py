"""The embedded PostgreSQL: its data folder, its settings, its readiness.

Runs the programs of the wheel, or those that THOR_PG_BIN names; creates the database of the
requested nature.
"""

import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess

import psutil

from thor.domain.nature import Nature
from thor.errors import Broken, Rejected, Unavailable
from thor.services.damage import lost
from thor.services.home import Home, write_beside
from thor.services.identity import working_on
from thor.services.install import PostgresInstall
from thor.services.nature import USUAL, database_name
from thor.services.privileges import ServerUser, make_data_folder, run_as, spare_environment
from thor.services.process import KILL, kill_all, stop_left_over
from thor.services.server import Report, Server

USER = "thor"
_PROGRAMS = ("postgres", "postgres.exe", "postmaster")
_MAKERS = ("initdb", "initdb.exe", *_PROGRAMS)
_MB = 1024 * 1024
_ORPHAN_STOPS_WITHIN_S = 10.0
_BUILTIN_LOCALES_SINCE = 17
# For a tick store: long write bursts, few clients, full durability.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "thor",
    "max_connections": "100",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "maintenance_work_mem": "128MB",
    "work_mem": "16MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
}
# As the vendor recommends: a worker per background job beside those of the server.
_TIMESCALE_SETTINGS = {"max_worker_processes": "32", "timescaledb.telemetry_level": "off"}


class Postgres(Server):
    """One PostgreSQL cluster in `pg/` of a home."""

    name = "postgres"
    # Fast: clients are disconnected, data are checkpointed. Immediate: recovery next time.
    stop_signal = signal.SIGINT
    hurry_signal = getattr(signal, "SIGQUIT", signal.SIGTERM)

    def __init__(
        self,
        home: Home,
        user: ServerUser | None,
        password: str,
        report: Report,
        install: PostgresInstall,
        nature: Nature = "simulated",
    ) -> None:
        """Take its programs and the nature of its database; the rest as for every server."""
        super().__init__(home, user, password, report)
        self.install = install
        self.nature = nature
        self._wal_compression = "on"
        # Whether the start found its data under another nature's name.
        self.was_renamed = False

    def prepare(self) -> None:
        """Stop a PostgreSQL that an earlier Thor left on this data; create missing data."""
        data = self.home.pg
        stop_left_over(
            lambda: working_on(_PROGRAMS, data, str(data)), _ask_postmaster, _ORPHAN_STOPS_WITHIN_S
        )
        self._remove_foreign_pid_file()
        if not data.exists():
            self._initdb()
        try:
            made_by = (data / "PG_VERSION").read_text().strip()
        except FileNotFoundError as error:
            raise Broken(lost(self.home, self.name, "it has no PG_VERSION")) from error
        if made_by != str(self.install.major):
            raise Rejected(
                f"THOR_PG_BIN: {self.install.bin} is PostgreSQL {self.install.major}, but the"
                f" database in {data} was made by {made_by}: name a PostgreSQL {made_by}, or set"
                " THOR_HOME to another folder"
            )
        # Not every build has lz4: ask the server.
        postgres = self.install.program("postgres")
        asked = ["-D", str(data), "-C", "wal_compression", "-c", "wal_compression=lz4"]
        lz4 = run_as(self.user, [postgres, *asked]).returncode == 0
        self._wal_compression = "lz4" if lz4 else "on"

    def command(self) -> list[str | Path]:
        """Return the command line of the server."""
        options: list[str | Path] = []
        for name, value in self._settings().items():
            options += ["-c", f"{name}={value}"]
        return [self.install.program("postgres"), "-D", self.home.pg, *options]

    def is_ready(self) -> bool:
        """Return whether psql can log in and select; raises Broken on a wrong password."""
        try:
            output = self._psql("select 1", timeout_s=3.0)
        except Unavailable:
            return False
        if "password authentication failed" in output.stderr:
            raise Broken(
                f"the database in {self.home.pg} does not take the password in"
                f" {self.home.path / 'credentials.json'}: put back the file that belongs to it"
            )
        return output.returncode == 0

    def start(self) -> None:
        """Start it as every server, and create the database where it does not exist."""
        super().start()
        self._ensure_database()

    def _ensure_database(self) -> None:
        name, usual = database_name(self.nature), database_name(USUAL)
        there = self._psql("select datname from pg_database").stdout.split()
        if name in there:
            return
        if usual in there and self._nature_of(usual) == self.nature:
            # A home had one database, whatever its nature was.
            statement = f"alter database {usual} rename to {name}"
            self.was_renamed = True
        else:
            statement = f"create database {name}"
        made = self._psql(statement)
        if made.returncode != 0:
            raise Unavailable(f"database {name} cannot be made: {made.stderr.strip()}")

    def _nature_of(self, name: str) -> str:
        return self._psql("select nature from ops.edition", database=name).stdout.strip()

    def _settings(self) -> dict[str, str]:
        memory = psutil.virtual_memory().total
        settings = {
            **_SETTINGS,
            "port": str(self.port),
            "shared_buffers": f"{min(1024, max(128, int(memory * 0.15) // _MB))}MB",
            "effective_cache_size": f"{max(256, memory // 2 // _MB)}MB",
            "wal_compression": self._wal_compression,
        }
        preload = [
            name
            for name in ("timescaledb", "pg_stat_statements")
            if self.install.has_extension(name)
        ]
        if preload:
            settings["shared_preload_libraries"] = ",".join(preload)
        if "timescaledb" in preload:
            settings |= _TIMESCALE_SETTINGS
        return settings

    def _psql(
        self, statement: str, timeout_s: float = 60.0, database: str = "postgres"
    ) -> CompletedProcess[str]:
        # The password goes through the environment, which only this user and root can read.
        env = spare_environment(PGPASSWORD=self._password, PGCONNECT_TIMEOUT="2")
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database]
        options = ["-X", "-A", "-t", "-w", *where, "-c", statement]
        psql = self.install.program("psql")
        return run_as(None, [psql, *options], env=env, timeout_s=timeout_s)

    def _initdb(self) -> None:
        """Create the cluster under another name and rename it: a half-made one is never used."""
        self.report("postgres: making a new database")
        beside = self.home.pg.with_name("pg.new")
        password_file = self.home.run / "initdb-password"
        # An initdb whose Thor was killed continues, and would write into the new folder.
        stop_left_over(
            lambda: working_on(_MAKERS, beside, f"--pgdata={beside}"), kill_all, within_s=1.0
        )
        shutil.rmtree(beside, ignore_errors=True)
        make_data_folder(beside, self.user)
        try:
            write_beside(password_file, self._password.encode(), owner=self.user)
            made = run_as(
                self.user,
                [
                    self.install.program("initdb"),
                    f"--pgdata={beside}",
                    f"--username={USER}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    *_locale_options(self.install.major),
                ],
                timeout_s=300.0,
            )
        finally:
            password_file.unlink(missing_ok=True)
        if made.returncode != 0:
            raise Broken(f"initdb could not make {beside}: {made.stderr.strip()}")
        beside.rename(self.home.pg)

    def _remove_foreign_pid_file(self) -> None:
        """Remove a postmaster.pid whose number is another program's now, or a zombie's.

        PostgreSQL would take it for a server on this data and refuse to start. A killed one stays a
        zombie for as long as pid 1 does not reap, in some containers for ever. Called when no
        PostgreSQL works on this data any more.
        """
        pid_file = self.home.pg / "postmaster.pid"
        with suppress(FileNotFoundError, ValueError, IndexError):
            if psutil.pid_exists(int(pid_file.read_text().split()[0])):
                pid_file.unlink()


def _locale_options(major: int) -> list[str]:
    if major < _BUILTIN_LOCALES_SINCE:
        return ["--locale=C.UTF-8"]
    # The C library's part of it is named C.UTF-8 on Linux only.
    libc = "C.UTF-8" if sys.platform == "linux" else "C"
    return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--locale={libc}"]


def _ask_postmaster(left: list[psutil.Process]) -> None:
    # Its children end with it.
    for process in left:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if "-D" in process.cmdline():
                process.send_signal(signal.SIGINT if sys.platform != "win32" else KILL)

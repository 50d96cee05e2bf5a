"""The roles of a database: each does its own and is refused the rest, on both editions."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from roles_made import PASSWORDS, as_role
from typer.testing import CliRunner

from thor import cli, database
from thor.database import roles, schema
from thor.database.edition import Edition
from thor.errors import Refused
from thor.services.running import ROLES, as_user, role_name

pytestmark = pytest.mark.editions("plain", "timescale")

SCHEMAS = ("reference", "market", "studies", "feat", "store", "ops")
TICK = (
    "insert into ticks (ts, symbol, seq, source, last, is_trade, is_sampled, received_at) "
    "values ('2024-01-02 15:00Z', 'ES', {seq}, 'SIM', 4800.25, true, false, '2024-01-02 15:00Z')"
)
# Views, functions and tables of each kind, for who reads.
READ = (
    "select count(*) from ticks",
    "select count(*) from bars_1m",
    "select count(*) from feat.catalogue",
    "select count(*) from market.quotes_at('2024-01-02 15:00:05Z')",
    "select count(*) from feat.returns('1m', array['ES'], '2024-01-02', '2024-01-03')",
    "select count(*) from ops.edition",
)
WRITE = (
    TICK.format(seq=9),
    "update reference.instruments set name = name",
    "delete from market.gaps",
    "insert into ops.bar_rebuilds (asked_from, asked_to, ts_from, ts_to) values "
    "('2024-01-01', '2024-01-02', '2024-01-01', '2024-01-02')",
)
CHANGE = (
    "create table market.mine (n integer)",
    "drop table market.gaps",
    "alter table market.ticks add column mine integer",
    "create schema mine",
    "truncate market.ticks",
    "update ops.edition set nature = 'live'",
    "create role mine",
)


@pytest.fixture(scope="module")
def url(kept_url: str) -> str:
    """A migrated database with one tick, written as jobs write it."""
    with psycopg.connect(as_role(kept_url), autocommit=True) as connection:
        connection.execute(TICK.format(seq=1).encode())
    return kept_url


def asked(url: str, text: str) -> Any:
    """Run a statement, undone at the end, and return its first value."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(text.encode())
        row = cursor.fetchone() if cursor.description else None
        connection.rollback()
        return row[0] if row else None


def refused(url: str, text: str) -> str:
    """Run a statement that is refused and return the server's words."""
    with pytest.raises(psycopg.Error) as caught:
        asked(url, text)
    # Insufficient privilege, a read-only transaction, nothing by this name to be owner of.
    assert caught.value.sqlstate in ("42501", "25006"), f"{text}: {caught.value}"
    return str(caught.value).splitlines()[0]


def test_whatever_thor_made_belongs_to_its_owner_who_is_no_superuser(url: str) -> None:
    owners = (
        "select string_agg(distinct o::regrole::text, ' ') from ("
        "select c.relowner from pg_class as c where c.relnamespace = any({0}) union "
        "select p.proowner from pg_proc as p where p.pronamespace = any({0}) union "
        "select n.nspowner from pg_namespace as n where n.oid = any({0})) as x (o)"
    )
    ours = f"array(select n.oid from pg_namespace as n where n.nspname in {SCHEMAS})"
    assert asked(url, owners.format(ours)) == "thor_owner"
    powers = "select string_agg(rolname, ' ') from pg_roles where rolname like 'thor\\_%' and ("
    assert asked(url, powers + "rolsuper or rolcreaterole or rolcreatedb or rolbypassrls)") is None


def test_timescaledb_runs_its_jobs_as_the_owner(url: str, edition: Edition) -> None:
    if edition == "plain":
        return
    jobs = "select string_agg(distinct owner::text, ' ') from timescaledb_information.jobs "
    assert asked(url, jobs + "where job_id >= 1000") == "thor_owner"


@pytest.mark.parametrize("role", ["reader", "grafana"])
def test_who_reads_reads_everything_and_changes_nothing(url: str, role: Any) -> None:
    own = as_role(url, role)
    assert asked(own, READ[0]) == 1
    for text in READ:
        asked(own, text)
    for text in (*WRITE, *CHANGE):
        refused(own, text)


def test_a_reader_that_writes_gets_the_servers_plain_error(url: str) -> None:
    assert refused(as_role(url, "reader"), WRITE[0]) == "permission denied for table ticks"
    words = "cannot execute INSERT in a read-only transaction"
    assert refused(as_role(url, "grafana"), WRITE[0]) == words


def test_grafana_is_read_only_by_its_rights_too_and_its_statements_end(url: str) -> None:
    own = as_role(url, "grafana")
    assert asked(own, "show statement_timeout") == "30s"
    for text in (WRITE[0], "create temporary table mine (n integer)"):
        with psycopg.connect(own, autocommit=True) as connection:
            connection.execute("set default_transaction_read_only = off")
            if text == WRITE[0]:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(text.encode())


def test_app_writes_rows_and_leaves_the_schema_alone(url: str) -> None:
    own = as_role(url)
    for text in (*READ, *WRITE, "create temporary table mine (n integer)"):
        asked(own, text)
    for text in CHANGE:
        refused(own, text)


def test_app_changes_the_columns_that_it_has_to_and_no_other_of_trade_and_people(url: str) -> None:
    own = as_role(url)
    for text in (
        "update trade.accounts set epoch = epoch",
        "update trade.orders set status = status",
        "update people.keys set last_used_at = now()",
        "select from trade.accounts for no key update",
    ):
        asked(own, text)
    for text in (
        "update trade.accounts set kind = 'LIVE'",
        "update trade.orders set account_id = 'LIVE'",
        "update trade.modifications set verdict_id = null",
        "update trade.fills set price = price",
        "update people.users set email = email",
        "update people.keys set scopes = scopes",
        "update people.sessions set user_id = user_id",
        "update people.signing_keys set secret = secret",
    ):
        refused(own, text)


def test_a_right_to_change_whole_rows_is_taken_back_by_the_next_up(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("set local role thor_owner")
        connection.execute("grant update on trade.accounts to thor_app")
        for right in roles.missing_rights(connection):
            connection.execute(right.encode())
        may = "select has_column_privilege('thor_app', 'trade.accounts', %s, 'update')"
        found = [connection.execute(may, (name,)).fetchone() for name in ("epoch", "kind")]
        assert (found, roles.missing_rights(connection)) == ([(True,), (False,)], [])
        connection.rollback()


def test_who_reads_calls_nothing_that_runs_as_the_owner(url: str) -> None:
    definers = (
        "select p.oid::regprocedure::text from pg_proc as p where p.prosecdef "
        f"and p.pronamespace::regnamespace::text in {SCHEMAS} and has_function_privilege("
        "'thor_reader', p.oid, 'execute') and p.provolatile = 'v'"
    )
    assert asked(url, definers) is None
    unfixed = (
        "select p.oid::regprocedure::text from pg_proc as p where p.prosecdef "
        f"and p.pronamespace::regnamespace::text in {SCHEMAS} "
        "and not coalesce(p.proconfig::text, '') like '%search_path=pg_catalog, pg_temp%'"
    )
    assert asked(url, unfixed) is None
    refused(as_role(url, "reader"), "select store.begin_build('1m', null, '2024-01-02')")


def test_a_schema_of_secrets_is_closed_and_new_tables_of_the_others_are_open(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("set local role thor_owner")
        connection.execute("create table market.new (n integer)")
        connection.execute("reset role")
        roles_may = (
            "select has_schema_privilege(%(role)s, 'people', 'usage'), "
            "has_table_privilege(%(role)s, 'people.keys', 'select'), "
            "has_table_privilege(%(role)s, 'people.audit', 'insert'), "
            "has_table_privilege(%(role)s, 'people.audit', 'update, delete, truncate'), "
            "has_table_privilege(%(role)s, 'market.new', 'select'), "
            "has_table_privilege(%(role)s, 'market.new', 'insert')"
        )
        may = {
            role: connection.execute(roles_may, {"role": role_name(role)}).fetchone()
            for role in ("app", "reader", "grafana")
        }
        connection.rollback()
    assert may == {
        "app": (True, True, True, False, True, True),
        "reader": (False, False, False, False, True, False),
        "grafana": (False, False, False, False, True, False),
    }


def test_rights_survive_new_logic_and_a_right_that_was_lost_is_given_back(
    database_url: str,
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update ops.logic_files set sha256 = ''")
        connection.execute("revoke select on market.gaps from thor_reader")
    schema.up(database_url)
    for text in (*READ, "select count(*) from market.gaps"):
        asked(as_role(database_url, "reader"), text)


def test_a_database_that_a_superuser_owned_is_handed_over_with_its_jobs(
    bare_database_url: str, edition: Edition
) -> None:
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        # As Thor worked before it had roles.
        patch.setattr(roles, "make", lambda driver: None)
        patch.setattr(roles, "owner_of", lambda driver: None)
        patch.setattr(roles, "missing_rights", lambda driver: [])
        schema.up(bare_database_url, requested=edition)
    with psycopg.connect(bare_database_url, autocommit=True) as connection:
        connection.execute(TICK.format(seq=1).encode())
    schema.up(bare_database_url)
    test_whatever_thor_made_belongs_to_its_owner_who_is_no_superuser(bare_database_url)
    test_timescaledb_runs_its_jobs_as_the_owner(bare_database_url, edition)
    for text in (*READ, *WRITE):
        asked(as_role(bare_database_url), text)
    asked(as_role(bare_database_url, "owner"), "alter table market.ticks add column mine integer")


@pytest.fixture
def guest(bare_database_url: str) -> Iterator[str]:
    """The URL of an empty database for its owner, who may not create roles."""
    name = f"guest_{uuid4().hex[:8]}"
    with psycopg.connect(bare_database_url, autocommit=True) as connection:
        connection.execute(f"create role {name} login password 'x'".encode())
        here = sql.Identifier(connection.info.dbname)
        text = "alter database {} owner to {}"
        connection.execute(sql.SQL(text).format(here, sql.Identifier(name)))
    yield as_user(bare_database_url, name, "x")
    with psycopg.connect(bare_database_url, autocommit=True) as connection:
        connection.execute(f"drop owned by {name} cascade".encode())
        connection.execute(f"alter database {here.as_string()} owner to current_user".encode())
        connection.execute(f"drop role {name}".encode())


def test_who_may_not_create_roles_owns_the_schema_and_reads_what_is_missing(
    guest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The roles of this server are there for every database of it: none of them, to this one.
    monkeypatch.setattr(roles, "_there", lambda driver: {"thor_owner", "thor_app"})
    schema.up(guest)
    name = psycopg.conninfo.conninfo_to_dict(guest)["user"]
    assert roles.missing(guest) == (
        f"{name} may not create roles, so thor_reader, thor_grafana are missing and everything "
        f"works as {name}: have a superuser run `create role thor_reader login; create role "
        "thor_grafana login`, then run `thor db up` again"
    )
    for text in (*READ, *WRITE):
        asked(guest, text)
    # Those that are there get their rights of the owner.
    asked(as_role(guest), WRITE[0])
    with pytest.raises(Refused, match=r"THOR_READER_PASSWORD: guest_\w+ cannot give thor_reader"):
        roles.set_passwords(guest, {"reader": "another"})


def test_the_address_of_each_role_opens_as_that_role(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THOR_DATABASE_URL", url)
    for role in ROLES:
        monkeypatch.setenv(f"THOR_{role.upper()}_PASSWORD", PASSWORDS[role])
    for role in ROLES:
        done = CliRunner().invoke(cli.app, ["db", "url", "--as", role])
        assert asked(done.stdout.strip(), "select current_user") == f"thor_{role}"
    monkeypatch.delenv("THOR_READER_PASSWORD")
    done = CliRunner().invoke(cli.app, ["db", "url", "--as", "reader"])
    assert done.stdout.strip() == url


@pytest.mark.editions("plain")
@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of another kind")
def test_at_a_terminal_pgcli_opens_as_the_reader_and_elsewhere_psql(
    url: str, tmp_path: Path
) -> None:
    env = {
        **os.environ, "THOR_DATABASE_URL": url, "THOR_READER_PASSWORD": PASSWORDS["reader"],
        "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "TERM": "xterm", "PAGER": "cat",
    }  # fmt: skip
    command = [sys.executable, "-m", "thor", "db", "psql"]
    asked_ = "select current_user || count(*) from ticks;"
    piped = subprocess.run(
        command, input=asked_, env=env, capture_output=True, text=True, check=True
    )
    assert "thor_reader1" in piped.stdout
    assert "Time:" not in piped.stdout
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    shown = b""
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, start_new_session=True
    ) as pgcli:
        os.close(theirs)
        try:
            # Its prompt waits for where the cursor is.
            for typed, until in (
                ("", b"\x1b[?25h"),
                (asked_ + "\r", b"Time:"),
                ("\\q\r", b"Goodbye"),
            ):
                os.write(ours, typed.encode())
                shown = b""
                while until not in shown:
                    assert select.select([ours], [], [], 20)[0], shown
                    part = os.read(ours, 1 << 16)
                    shown += part
                    if b"\x1b[6n" in part:
                        os.write(ours, b"\x1b[1;1R")
                assert until != b"Time:" or b"thor_reader1" in shown
        finally:
            pgcli.kill()
    os.close(ours)


def test_a_password_reaches_the_server_as_its_verifier(url: str) -> None:
    roles.set_passwords(url, {"reader": "with 'quotes' and @/:%"})
    own = as_user(url, "thor_reader", "with 'quotes' and @/:%")
    assert asked(own, "select current_user") == "thor_reader"
    kept = asked(url, "select rolpassword from pg_authid where rolname = 'thor_reader'")
    assert kept.startswith("SCRAM-SHA-256$")
    roles.set_passwords(url, PASSWORDS)
    assert database.name_of(own) == database.name_of(url)

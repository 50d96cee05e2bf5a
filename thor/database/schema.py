"""Bring a database up to date: migrations for state, files for logic.

Reads `db/migrations` and `db/sql`; one transaction, so that a failure changes nothing.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import alembic.runtime.migration
import alembic.script
import msgspec

from thor import clock, database
from thor.database import DB, Connection, edition, grants, roles
from thor.database.versions import POSTGRES_MIN
from thor.domain.nature import Nature
from thor.errors import Refused, Unavailable

SQL = DB / "sql"
LOGIC_KINDS = {"view", "function"}
_HEADER = re.compile(r"^-- (?P<key>[A-Z][a-z]+(?: at)?) {2,}(?P<value>.*)$")
_MORE = re.compile(r"^-- {5,}(?P<value>\S.*)$")
_ADVISORY_KEY = 7_405_107
# What a try waits for a reader of what is to change: all others wait behind it so long.
_LOCK_WAIT_S, _LOCK_PAUSE_S, _LOCK_TRIES = 2, 1.0, 12
_LOCK_TIMEOUT = "55P03"
_DEPENDED_ON = "2BP01"
_FAMILY = re.compile(r"5[1-5]\d_[a-z_0-9]+\.sql$")
_PROSE = re.compile(r"--[^\n]*|^comment on .*?';$", re.MULTILINE | re.DOTALL)


class SqlFile(msgspec.Struct, frozen=True):
    """A file of `db/sql` with its header."""

    path: str
    text: str
    header: dict[str, str]

    @property
    def is_logic(self) -> bool:
        """Whether it holds views and functions, re-created, rather than state."""
        return self.header["Kind"].split()[0] in LOGIC_KINDS

    @property
    def makes(self) -> list[str]:
        """The objects it makes, each as written after `drop view` or `drop function`."""
        return [name.strip() for name in re.split(r",\s*(?![^()]*\))", self.header["Makes"])]

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def files(of: edition.Edition, folder: Path = SQL) -> list[SqlFile]:
    """Read the files of `db/sql` that an edition has, in build order, named statements left out."""
    return [
        _read(file, folder)
        for file in sorted(folder.rglob("*.sql"))
        if file.parent.name != "99_queries" and file.suffixes[0] in (".sql", f".{of}")
    ]


def up(
    url: str,
    nature: Nature | None = None,
    report: Callable[[str], None] = lambda _: None,
    requested: edition.RequestedEdition = "auto",
) -> None:
    """Migrate and re-create the logic, in one transaction; does nothing where all is current.

    Without a `nature` the database keeps its own, and a new one is simulated.

    Raises `Refused` where the database is another application's, of another nature, edition or
    user, or where a user's own view depends on Thor's logic; `Unavailable` where somebody reads
    what is to change for half a minute. No other reader waits longer behind it than one try takes.
    """
    for left in reversed(range(_LOCK_TRIES)):
        try:
            return _up(url, nature, report, requested)
        except Unavailable as error:
            if getattr(error.__cause__, "sqlstate", None) != _LOCK_TIMEOUT:
                raise
            if not left:
                raise Unavailable(
                    f"{_readers(url)}: end that, and run `thor db up` again"
                ) from error
            report(f"{_readers(url)}; waiting for it")
            clock.sleep_s(_LOCK_PAUSE_S)


def _readers(url: str) -> str:
    with database.connect(url, "up") as connection:
        found = connection.execute(
            "select a.pid, coalesce(nullif(a.application_name, ''), a.usename, 'somebody'), "
            "left(regexp_replace(a.query, '\\s+', ' ', 'g'), 60) from pg_stat_activity as a "
            "where a.pid <> pg_backend_pid() and a.xact_start is not null and exists ("
            "select from pg_locks as l join pg_class as c on c.oid = l.relation "
            "join pg_namespace as n on n.oid = c.relnamespace where l.pid = a.pid "
            "and n.nspname in ('reference', 'market', 'studies', 'feat', 'store', 'model', "
            "'trade', 'people', 'feedback', 'ops')) "
            "order by a.xact_start limit 1"
        ).fetchone()
    if found is None:
        return "Somebody reads what is to be changed"
    pid, name, query = found
    return f"{name} (process {pid}) reads what is to be changed, by: {query}"


def _up(
    url: str,
    nature: Nature | None,
    report: Callable[[str], None],
    requested: edition.RequestedEdition,
) -> None:
    with database.translated(), database.engine(url).begin() as connection:
        driver = database.raw(connection)
        driver.execute("select pg_advisory_xact_lock(%s)", (_ADVISORY_KEY,))
        _refuse_old(driver)
        _refuse_foreign_objects(driver)
        roles.make(driver)
        config = _alembic(connection)
        revision, behind = _pending(connection, config)
        of = config.attributes["edition"] = edition.settled(driver, requested, revision)
        if revision is None:
            _refuse_without_rights(driver)
        logic = [file for file in files(of) if file.is_logic]
        changed = _stored_logic(driver) != {file.path: file.sha256 for file in logic}
        owner = roles.owner_of(driver)
        handed = [] if owner is None else roles.to_hand_over(driver, owner)
        if behind or changed or handed:
            driver.execute("select set_config('lock_timeout', %s, true)", (f"{_LOCK_WAIT_S}s",))
        for statement in handed:
            driver.execute(statement)
        if owner is not None:
            roles.work_as(driver, owner)
        if behind or changed:
            report(f"{len(behind)} migrations, logic {'changed' if changed else 'unchanged'}")
            given = _drop_logic(driver)
            alembic.command.upgrade(config, "head")
            _create_logic(driver, logic, given)
            _note_texts(driver, logic)
        for right in roles.missing_rights(driver):
            driver.execute(right.encode())
        if owner is not None:
            driver.execute("reset role")
        _settle(driver, database.name_of(url), of, nature)


def _read(file: Path, folder: Path) -> SqlFile:
    text = file.read_text()
    header: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        if found := _HEADER.match(line):
            key = found["key"]
            header[key] = found["value"].strip()
        elif key and (more := _MORE.match(line)):
            header[key] += " " + more["value"]
        else:
            break
    return SqlFile(file.relative_to(folder).as_posix(), text, header)


def _alembic(connection: Any) -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(DB / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _pending(connection: Any, config: alembic.config.Config) -> tuple[str | None, list[str]]:
    context = alembic.runtime.migration.MigrationContext.configure(
        connection, opts={"version_table_schema": "ops"}
    )
    here = context.get_current_revision() if _has_ops(database.raw(connection)) else None
    script = alembic.script.ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    if here is not None and here not in known:
        raise Refused(
            f"The database is at revision {here}, which this Thor does not know: it was made by "
            "a newer one. Run that version, or point THOR_DATABASE_URL elsewhere."
        )
    behind = [found.revision for found in script.iterate_revisions("head", here or "base")]
    return here, behind


def _has_ops(driver: Connection[Any]) -> bool:
    found = driver.execute("select to_regclass('ops.alembic_version') is not null").fetchone()
    return bool(found and found[0])


def _refuse_old(driver: Connection[Any]) -> None:
    found = driver.info.server_version // 10_000
    if found < POSTGRES_MIN:
        raise Refused(f"The server is PostgreSQL {found}; Thor needs {POSTGRES_MIN} or newer")


def _refuse_foreign_objects(driver: Connection[Any]) -> None:
    if _has_ops(driver):
        return
    foreign = driver.execute(
        "select format('%I.%I', n.nspname, c.relname) from pg_class as c "
        "join pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname in ('reference', 'market', 'studies', 'feat', 'store', 'model', 'trade', "
        "'people', 'feedback', 'ops') and c.relkind in ('r', 'v', 'm', 'p') order by 1 limit 5"
    ).fetchall()
    if foreign:
        names = ", ".join(name for (name,) in foreign)
        raise Refused(
            f"The database already holds {names}, and Thor did not make them. "
            "Give Thor a database of its own: `createdb thor`, then set THOR_DATABASE_URL."
        )


def _refuse_without_rights(driver: Connection[Any]) -> None:
    # An owner may lack the right to create, and a user with that right may not be the owner.
    row = driver.execute(
        "select pg_has_role(d.datdba, 'usage') and has_database_privilege(d.oid, 'create') "
        "from pg_database as d where d.datname = current_database()"
    ).fetchone()
    if not (row and row[0]):
        user, name = driver.info.user, driver.info.dbname
        raise Refused(
            f"{user} may not set up database {name}: that takes its owner, with the right to "
            f"create in it. Have it created again by `createdb --owner={user} {name}`, or given by "
            f"`alter database {name} owner to {user}`"
        )


def _stored_logic(driver: Connection[Any]) -> dict[str, str]:
    if not _has_ops(driver):
        return {}
    return dict(driver.execute("select path, sha256 from ops.logic_files").fetchall())


def _drop_logic(driver: Connection[Any]) -> list[grants.Grant]:
    if not _has_ops(driver):
        return []
    stored = driver.execute("select makes from ops.logic_files order by path desc").fetchall()
    makes = [name for (names,) in stored for name in reversed(names)]
    given = [grant for name in makes for grant in grants.on(driver, name)]
    for name in makes:
        kind = "function" if name.endswith(")") else "view"
        try:
            driver.execute(f"drop {kind} if exists {name}".encode())
        except database.DriverError as error:
            if getattr(error, "sqlstate", None) != _DEPENDED_ON:
                raise
            detail = getattr(error, "diag", None) and error.diag.message_detail
            raise Refused(
                f"{name} cannot be replaced, an object of yours depends on it: {detail or error}. "
                "Drop that, run `thor db up`, and create it again."
            ) from error
    driver.execute("delete from ops.logic_files")
    return given


def _create_logic(driver: Connection[Any], logic: list[SqlFile], given: list[grants.Grant]) -> None:
    for file in logic:
        driver.execute(file.text.encode())
        driver.execute(
            "insert into ops.logic_files (path, sha256, makes) values (%s, %s, %s)",
            (file.path, file.sha256, file.makes),
        )
    made = {name for file in logic for name in file.makes}
    for grant in given:
        if grant.on in made:
            driver.execute(grant.statement.encode())


def family_texts(logic: list[SqlFile]) -> dict[str, str]:
    """Return the SHA-256 of the SQL that each family of features is made of, comments left out."""
    bare = {
        file.path.removeprefix("50_features/"): _PROSE.sub(" ", file.text)
        for file in logic
        if file.path.startswith("50_features/5")
    }
    shared = [text for path, text in sorted(bare.items()) if path.startswith("50")]
    return {
        Path(path).stem[4:]: hashlib.sha256(
            " ".join(" ".join([*shared, text]).split()).encode()
        ).hexdigest()
        for path, text in bare.items()
        if _FAMILY.match(path)
    }


def _note_texts(driver: Connection[Any], logic: list[SqlFile]) -> None:
    """Note the families whose SQL is another than that which the stored rows were made with."""
    texts = family_texts(logic)
    known = dict(driver.execute("select family, sha256 from store.feature_texts").fetchall())
    changed = [family for family, sha256 in texts.items() if known.get(family) != sha256]
    named: list[str | None] = [*changed] if len(changed) < len(texts) else [None]
    for family in named:
        driver.execute(
            "insert into store.features_to_refresh (width, family, ts_from, ts_to, reason) "
            "select w.width, %s, '-infinity', 'infinity', 'text' from (values "
            "('1m', exists (select from store.features_1m)), "
            "('5m', exists (select from store.features_5m)), "
            "('1h', exists (select from store.features_1h))) as w (width, has_rows) "
            "where w.has_rows",
            (family,),
        )
    driver.execute("delete from store.feature_texts where family <> all(%s)", ([*texts],))
    for family in changed:
        driver.execute(
            "insert into store.feature_texts as t (family, sha256) values (%s, %s) "
            "on conflict (family) do update set sha256 = excluded.sha256, applied_at = now()",
            (family, texts[family]),
        )


def _settle(driver: Connection[Any], name: str, of: edition.Edition, nature: Nature | None) -> None:
    row = driver.execute("select edition, nature from ops.edition").fetchone()
    if row is None:
        driver.execute(
            "insert into ops.edition (edition, nature) values (%s, %s)", (of, nature or "simulated")
        )
        _set_search_path(driver, name)
    elif nature not in (None, row[1]):
        raise Refused(
            f"The database was made for {row[1]} data and is asked for {nature} data: that is "
            "fixed when a database is made. Use another database: THOR_DATABASE_URL names one, "
            "and without it Thor keeps one of each nature."
        )
    elif row[0] != of:
        driver.execute("update ops.edition set edition = %s", (of,))
    _renew_search_path(driver, name)


def _set_search_path(driver: Connection[Any], name: str) -> None:
    path = database.quoted(*database.SEARCH_PATH)
    statement = database.sql.SQL("alter database {} set search_path = {}")
    driver.execute(statement.format(database.sql.Identifier(name), path))


def _renew_search_path(driver: Connection[Any], name: str) -> None:
    """Add the schemas that are new; a path that names others is its owner's and stays."""
    row = driver.execute(
        "select substr(c.setting, length('search_path=') + 1) from pg_db_role_setting as s "
        "join pg_database as d on d.oid = s.setdatabase "
        "cross join unnest(s.setconfig) as c (setting) "
        "where d.datname = current_database() and s.setrole = 0 "
        "and c.setting like 'search_path=%%'"
    ).fetchone()
    found = [part.strip() for part in row[0].split(",")] if row else list(database.SEARCH_PATH)
    known = [part for part in database.SEARCH_PATH if part in found]
    if found == known != list(database.SEARCH_PATH):
        _set_search_path(driver, name)

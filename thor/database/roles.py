"""The four roles of a database: who migrates, who works, who reads, and Grafana.

Roles belong to a server and rights to a database, so a migration, which runs once a database,
could give neither to one that was restored elsewhere. `thor db up` sees to both at every run and
changes only what is missing.
"""

from collections.abc import Mapping
from typing import Any

from thor import database
from thor.database import Connection
from thor.errors import Refused, Unavailable
from thor.services.running import ROLES, Role, as_user, role_name

_NAMES = tuple(map(role_name, ROLES))
OWNER = role_name("owner")

_COMMENTS = {
    "thor_owner": "Thor: owns the schema and migrates it; refreshes bars.",
    "thor_app": "Thor: jobs and the API; reads and writes rows.",
    "thor_reader": "Thor: people and tools that read, in psql say.",
    "thor_grafana": "Thor: Grafana; reads, for 30 s a statement at most.",
}
_SETTINGS = {
    "thor_grafana": {
        "default_transaction_read_only": "on",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "60s",
    },
}
_READERS = ("thor_reader", "thor_grafana")
_ALL = ("thor_app", *_READERS)
# Not `people`: see `_MISSING_OF_PEOPLE`.
_SCHEMAS = (
    *("reference", "market", "studies", "feat", "store"),
    *("model", "trade", "feedback", "ops"),
)
# MLflow makes its own tables in it, as who mirrors trainings there.
_OF_MLFLOW = "mlflow"
# Made by `thor db up`, `thor db copy` and migrations; jobs read them.
_READ_ONLY = ("edition", "logic_files", "alembic_version", "copies", "copied_parts")
# Rows of trade and of people are written once: fills, verdicts and the audit are evidence, whose
# account or key it is stays. Of these rows the application changes these columns, and no other.
_CHANGED = {
    "trade.accounts": ("epoch",),
    "trade.orders": (
        *("status", "reason", "changed_by", "updated_at", "expires_at", "is_triggered"),
        *("quantity", "limit_price", "stop_price", "trail_by", "filled_quantity", "average_price"),
    ),
    "trade.breaks": ("cleared_at", "cleared_by"),
    "trade.modifications": ("outcome", "reason", "done_at"),
    "trade.broker_progress": ("entry_id", "at", "updated_at"),
    "people.users": (
        *("role", "is_enabled", "is_approved", "approved_at", "approved_by", "display_name"),
        *("time_zone", "password_hash", "password_changed_at", "last_login_at"),
        *("totp_secret", "totp_pending", "totp_step"),
    ),
    "people.sessions": ("last_used_at", "expires_at", "ended_at", "end_reason"),
    "people.refresh_tokens": ("used_at", "replaced_by"),
    "people.settings": ("value", "changed_at"),
    "people.keys": ("last_used_at", "revoked_at", "revoked_by"),
    "people.attempts": ("is_ok",),
    "people.setup_links": ("used_at",),
}

# Every right that is missing, as the statement that grants it.
_MISSING_RIGHTS = """
with role as (
    select r.rolname as name, r.rolname = 'thor_app' as writes
    from pg_roles as r where r.rolname = any(%(roles)s) and r.rolname <> current_user
), place as (
    select n.oid, n.nspname as name from pg_namespace as n
    where n.nspname = any(%(schemas)s) and pg_has_role(n.nspowner, 'usage')
), thing as (
    select
        c.oid,
        format('%%I.%%I', p.name, c.relname) as name,
        c.relkind in ('r', 'p') and not (p.name = 'ops' and c.relname = any(%(read_only)s))
            and not (p.name = 'trade' and c.relname = 'order_transitions') as is_table,
        p.name = 'trade' as is_trading
    from pg_class as c inner join place as p on p.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f') and pg_has_role(c.relowner, 'usage')
)
select format('grant %%s on database %%I to %%I', w.privilege, current_database(), r.name)
from role as r cross join (values ('connect'), ('temporary')) as w (privilege)
where not has_database_privilege(r.name, current_database(), w.privilege)
and (w.privilege = 'connect' or r.name <> 'thor_grafana')
and exists (
    select from pg_database as d
    where d.datname = current_database() and pg_has_role(d.datdba, 'usage')
)
union all
select format('grant usage on schema %%I to %%I', p.name, r.name)
from role as r cross join place as p where not has_schema_privilege(r.name, p.oid, 'usage')
union all
select format('grant usage, create on schema %%I to %%I', n.nspname, r.name)
from role as r cross join pg_namespace as n
where r.writes and n.nspname = %(of_mlflow)s and pg_has_role(n.nspowner, 'usage')
and not has_schema_privilege(r.name, n.oid, 'create')
union all
select format('grant %%s on %%s to %%I', string_agg(w.privilege, ', '), t.name, r.name)
from role as r cross join thing as t
cross join (values
    ('select', false, 0), ('insert', true, 0), ('update', true, 0), ('delete', true, 0),
    ('maintain', true, 170000)
) as w (privilege, is_write, since)
where (not w.is_write or (r.writes and t.is_table))
and not (t.is_trading and w.privilege in ('update', 'delete'))
and case
    when current_setting('server_version_num')::integer >= w.since
        then not has_table_privilege(r.name, t.oid, w.privilege)
end
group by t.name, r.name
union all
select format('grant usage, select on sequence %%I.%%I to %%I', p.name, c.relname, r.name)
from role as r cross join pg_class as c inner join place as p on p.oid = c.relnamespace
where r.writes and c.relkind = 'S' and pg_has_role(c.relowner, 'usage')
and not has_sequence_privilege(r.name, c.oid, 'select')
union all
select format('grant execute on routine %%s to %%I', f.oid::regprocedure, r.name)
from role as r cross join pg_proc as f inner join place as p on p.oid = f.pronamespace
where (r.writes or not f.prosecdef) and pg_has_role(f.proowner, 'usage')
and not has_function_privilege(r.name, f.oid, 'execute')
union all
select format(
    'alter default privileges in schema %%I grant %%s on tables to %%I',
    p.name, case
        when not r.writes then 'select'
        when p.name = 'trade' then 'select, insert'
        else 'select, insert, update, delete'
    end, r.name
)
from role as r cross join place as p
where not exists (
    select from pg_default_acl as d cross join aclexplode(d.defaclacl) as a
    where d.defaclnamespace = p.oid and d.defaclobjtype = 'r'
    and d.defaclrole = current_user::regrole and a.grantee = r.name::regrole
)
"""
# Who logs in is nobody's to read but the application's, and of the audit it changes nothing.
_MISSING_OF_PEOPLE = """
with thing as (
    select
        c.oid,
        format('people.%%I', c.relname) as name,
        case c.relname
            when 'audit' then '{select,insert}'::text[]
            else '{select,insert,delete}'
        end as wanted
    from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = 'people' and c.relkind = 'r' and pg_has_role(c.relowner, 'usage')
), role as (
    select r.rolname as name from pg_roles as r
    where r.rolname = %(app)s and r.rolname <> current_user
)
select format('grant usage on schema people to %%I', r.name)
from role as r cross join pg_namespace as n
where n.nspname = 'people' and pg_has_role(n.nspowner, 'usage')
and not has_schema_privilege(r.name, n.oid, 'usage')
union all
select format('grant %%s on %%s to %%I', string_agg(w.privilege, ', '), t.name, r.name)
from role as r cross join thing as t cross join unnest(t.wanted) as w (privilege)
where not has_table_privilege(r.name, t.oid, w.privilege)
group by t.name, r.name
"""
# A right on a whole table is taken first, with which those on its columns go.
_MISSING_OF_COLUMNS = """
with thing as (
    select
        c.oid,
        format('%%I.%%I', n.nspname, c.relname) as name,
        r.rolname as role,
        exists (
            select from aclexplode(c.relacl) as a
            where a.grantee = r.oid and a.privilege_type = 'UPDATE'
        ) as is_whole
    from pg_class as c inner join pg_namespace as n on n.oid = c.relnamespace
    cross join pg_roles as r
    where n.nspname in ('trade', 'people') and c.relkind = 'r'
    and pg_has_role(c.relowner, 'usage')
    and r.rolname = %(app)s and r.rolname <> current_user
)
select x.statement from (
    select 0, format('revoke update on %%s from %%I', t.name, t.role)
    from thing as t where t.is_whole
    union all
    select 1, format(
        'grant update (%%s) on %%s to %%I',
        string_agg(quote_ident(a.attname), ', ' order by a.attnum), t.name, t.role
    )
    from thing as t
    inner join unnest(%(tables)s::text[], %(columns)s::text[]) as w (name, column_name)
        on w.name = t.name
    inner join pg_attribute as a on a.attrelid = t.oid and a.attname = w.column_name
    where t.is_whole or not has_column_privilege(t.role, t.oid, a.attnum, 'update')
    group by t.name, t.role
) as x (step, statement)
order by x.step
"""
# What a superuser made before there was an owner, as the statement that hands it over.
_NOT_HANDED_OVER = """
with place as (
    select n.oid, n.nspname as name, n.nspowner
    from pg_namespace as n where n.nspname = any(%(schemas)s)
)
select x.statement from (
    select 0, format('alter database %%I owner to %%I', d.datname, %(owner)s::text), d.datdba
    from pg_database as d where d.datname = current_database()
    union all
    select 1, format('alter schema %%I owner to %%I', p.name, %(owner)s::text), p.nspowner
    from place as p
    union all
    select 2, format(
        'alter %%s %%I.%%I owner to %%I',
        case
            when c.relkind in ('r', 'p', 'f') then 'table'
            when c.relkind = 'S' then 'sequence'
            when c.relkind = 'm' or c.oid = any(%(aggregates)s::oid[]) then 'materialized view'
            when c.relkind = 'c' then 'type'
            else 'view'
        end, p.name, c.relname, %(owner)s::text
    ), c.relowner
    from pg_class as c inner join place as p on p.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') or c.relkind = 'S' and not exists (
        select from pg_depend as d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid
        and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    )
    union all
    select 3, format('alter routine %%s owner to %%I', f.oid::regprocedure, %(owner)s::text),
        f.proowner
    from pg_proc as f inner join place as p on p.oid = f.pronamespace
    union all
    select 4, format('alter type %%s owner to %%I', t.oid::regtype, %(owner)s::text), t.typowner
    from pg_type as t inner join place as p on p.oid = t.typnamespace
    where t.typtype in ('d', 'e')
) as x (step, statement, owner)
inner join pg_roles as r on r.oid = x.owner and r.rolsuper
order by x.step
"""
_AGGREGATES = """
select format('%I.%I', a.view_schema, a.view_name)::regclass::oid
from timescaledb_information.continuous_aggregates as a
"""
_JOBS = """
update _timescaledb_catalog.bgw_job as j set owner = {owner}::regrole
from pg_roles as r
where j.id >= 1000 and r.oid = j.owner and r.rolsuper and (
    j.proc_schema::text = any({schemas}) or exists (
        select from _timescaledb_catalog.hypertable as h
        where h.id = j.hypertable_id and (
            h.schema_name::text = any({schemas}) or exists (
                select from _timescaledb_catalog.continuous_agg as a
                where a.mat_hypertable_id = h.id and a.user_view_schema::text = any({schemas})
            )
        )
    )
)
"""


def make(driver: Connection[Any]) -> None:
    """Make the roles that the server lacks, where this user may; they have no password yet."""
    is_superuser, may_create = _powers(driver)
    if not may_create:
        return
    wanted = [name for name in _NAMES if is_superuser or name != OWNER]
    there = _there(driver)
    for name in wanted:
        if name not in there:
            _make(driver, name)
    if is_superuser and _has_statistics(driver):
        driver.execute("create extension if not exists pg_stat_statements schema public")


def _make(driver: Connection[Any], name: str) -> None:
    role = database.sql.Identifier(name)
    try:
        with driver.transaction():
            driver.execute(database.sql.SQL("create role {} login").format(role))
            text = database.sql.SQL("comment on role {} is {}")
            driver.execute(text.format(role, database.sql.Literal(_COMMENTS[name])))
            for setting, value in _SETTINGS.get(name, {}).items():
                text = database.sql.SQL("alter role {} set {} = {}")
                parts = (role, database.sql.Identifier(setting), database.sql.Literal(value))
                driver.execute(text.format(*parts))
            if name == OWNER:
                # A view of Thor's shows slow statements, its owner sees those of every role.
                driver.execute(database.sql.SQL("grant pg_read_all_stats to {}").format(role))
    except (database.DuplicateObject, database.UniqueViolation):
        # Made meanwhile, by `thor db up` on another database of this server.
        return


def owner_of(driver: Connection[Any]) -> str | None:
    """Return the role that a superuser is to work as; None: as the user that is connected.

    That is who owns the schema or else the database, and `thor_owner` where a superuser does, or
    who cannot log in: TimescaleDB would not run its jobs. A user that is no superuser owns the
    schema itself.
    """
    if not _powers(driver)[0]:
        return None
    row = driver.execute(
        "select r.rolname from pg_roles as r join ("
        "select 1, n.nspowner from pg_namespace as n where n.nspname = 'market' union all "
        "select 2, d.datdba from pg_database as d where d.datname = current_database()"
        ") as o (step, oid) on o.oid = r.oid "
        "where not r.rolsuper and r.rolcanlogin order by o.step limit 1"
    ).fetchone()
    return OWNER if row is None else str(row[0])


def to_hand_over(driver: Connection[Any], owner: str) -> list[database.sql.Composed]:
    """Return the statements that give a superuser's objects in Thor's schemas to the owner."""
    aggregates: list[int] = []
    has_timescaledb = driver.execute(
        "select to_regclass('timescaledb_information.continuous_aggregates') is not null"
    ).fetchone()
    if has_timescaledb and has_timescaledb[0]:
        aggregates = [oid for (oid,) in driver.execute(_AGGREGATES.encode()).fetchall()]
    values = {
        "owner": owner,
        "schemas": [*_SCHEMAS, "people", _OF_MLFLOW],
        "aggregates": aggregates,
    }
    found = driver.execute(_NOT_HANDED_OVER.encode(), values).fetchall()
    statements = [database.sql.SQL(text).format() for (text,) in found]
    may_create = driver.execute(
        "select d.datdba in (select r.oid from pg_roles as r where r.rolsuper) "
        "or has_database_privilege(%s, d.oid, 'create') "
        "from pg_database as d where d.datname = current_database()",
        (owner,),
    ).fetchone()
    if not (may_create and may_create[0]):
        text = database.sql.SQL("grant create on database {} to {}")
        parts = (database.sql.Identifier(driver.info.dbname), database.sql.Identifier(owner))
        statements.append(text.format(*parts))
    if statements and aggregates:
        statements.append(database.filled(_JOBS, {"owner": owner, "schemas": [*_SCHEMAS]}))
    return statements


def missing_rights(driver: Connection[Any]) -> list[str]:
    """Return the statements that grant what the roles of this server lack in this database.

    And those that take from the application the right to change what it never does. For the owner
    of its objects. A role that is not there is left out.
    """
    values = {
        "roles": [*_ALL],
        "schemas": [*_SCHEMAS],
        "read_only": [*_READ_ONLY],
        "of_mlflow": _OF_MLFLOW,
    }
    found = driver.execute(_MISSING_RIGHTS.encode(), values).fetchall()
    app = {"app": role_name("app")}
    found += driver.execute(_MISSING_OF_PEOPLE.encode(), app).fetchall()
    changed = [(table, column) for table, columns in _CHANGED.items() for column in columns]
    tables, columns = map(list, zip(*changed, strict=True))
    values = {**app, "tables": tables, "columns": columns}
    found += driver.execute(_MISSING_OF_COLUMNS.encode(), values).fetchall()
    return [text for (text,) in found]


def settle(driver: Connection[Any]) -> None:
    """Make the roles, hand a superuser's objects to the owner and grant what is missing.

    In the caller's transaction; it works as the connected user again at its end.
    """
    make(driver)
    owner = owner_of(driver)
    if owner is not None:
        for statement in to_hand_over(driver, owner):
            driver.execute(statement)
        work_as(driver, owner)
    for right in missing_rights(driver):
        driver.execute(right.encode())
    if owner is not None:
        driver.execute("reset role")


def work_as(driver: Connection[Any], owner: str) -> None:
    """Work as a role until the end of the transaction, or until `reset role`."""
    role = database.sql.Identifier(owner)
    driver.execute(database.sql.SQL("set local role {}").format(role))


def missing(url: str) -> str | None:
    """Return in one line which roles the server lacks and how they are made; None: it has all."""
    with database.connect(url, "up") as connection, database.translated():
        there, user = _there(connection), connection.info.user
        is_superuser, _ = _powers(connection)
    lacks = [name for name in _ALL if name not in there]
    if not lacks or is_superuser:
        return None
    made = "; ".join(f"create role {name} login" for name in lacks)
    return (
        f"{user} may not create roles, so {', '.join(lacks)} "
        f"{'is' if len(lacks) == 1 else 'are'} missing and everything works as {user}: have a "
        f"superuser run `{made}`, then run `thor db up` again"
    )


def set_passwords(url: str, passwords: Mapping[Role, str]) -> None:
    """Give each role its password where the server does not take it yet; `url` is a superuser's.

    Raises `Refused` where this user may not, or the role is not there.
    """
    for role, password in passwords.items():
        name = role_name(role)
        if _takes(url, name, password):
            continue
        with database.connect(url, "up") as connection, database.translated():
            # The server and its log get the verifier only.
            verifier = connection.pgconn.encrypt_password(
                password.encode(), name.encode(), b"scram-sha-256"
            ).decode()
            text = database.sql.SQL("alter role {} login password {}")
            parts = (database.sql.Identifier(name), database.sql.Literal(verifier))
            try:
                connection.execute(text.format(*parts))
            except database.DriverError as error:
                raise Refused(
                    f"THOR_{role.upper()}_PASSWORD: {connection.info.user} cannot give {name} its "
                    f"password ({str(error).splitlines()[0]}): have a superuser do it, by "
                    f"`\\password {name}` in psql"
                ) from error


def _takes(url: str, name: str, password: str) -> bool:
    try:
        database.connect(as_user(url, name, password), "up").close()
    except Unavailable:
        return False
    return True


def _powers(driver: Connection[Any]) -> tuple[bool, bool]:
    row = driver.execute(
        "select r.rolsuper, r.rolsuper or r.rolcreaterole from pg_roles as r "
        "where r.rolname = current_user"
    ).fetchone()
    return (bool(row[0]), bool(row[1])) if row else (False, False)


def _there(driver: Connection[Any]) -> set[str]:
    found = driver.execute(
        "select r.rolname from pg_roles as r where r.rolname = any(%s)", ([*_NAMES],)
    )
    return {name for (name,) in found.fetchall()}


def _has_statistics(driver: Connection[Any]) -> bool:
    row = driver.execute(
        "select exists (select from pg_settings where name = 'pg_stat_statements.max') "
        "and exists (select from pg_available_extensions where name = 'pg_stat_statements')"
    ).fetchone()
    return bool(row and row[0])

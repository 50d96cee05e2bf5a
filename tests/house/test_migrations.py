"""The road and the destination: migrations and db/sql end in the same schema."""

import ast
import re
from typing import Any

import psycopg
import pytest
from house_catalogue import Connection
from house_tree import MIGRATIONS, ROOT

from thor import schema

REVISIONS = sorted(MIGRATIONS.glob("*.py"))
every_revision = pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.stem)

# One query a kind of thing: its name, and all that makes it what it is.
SNAPSHOT = {
    "schema": """
        select n.nspname, concat_ws(' ', n.nspacl::text, obj_description(n.oid, 'pg_namespace'))
        from pg_namespace as n where {ours}
    """,
    "relation": """
        select format('%%I.%%I', n.nspname, c.relname), concat_ws(
            ' ', c.relkind, c.relpersistence, c.reloptions::text, c.relacl::text,
            c.relrowsecurity, c.relreplident, obj_description(c.oid, 'pg_class')
        )
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where {ours}
    """,
    "column": """
        select format('%%I.%%I.%%I', n.nspname, c.relname, a.attname), concat_ws(
            ' ', row_number() over (partition by c.oid order by a.attnum),
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            a.attstorage, a.attcompression, a.attstattarget, a.attoptions::text,
            pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        )
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        join pg_namespace as n on n.oid = c.relnamespace
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where {ours} and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm')
    """,
    "constraint": """
        select format('%%s %%I', c.oid::regclass, x.conname), concat_ws(
            ' ', pg_get_constraintdef(x.oid), x.convalidated,
            obj_description(x.oid, 'pg_constraint')
        )
        from pg_constraint as x
        join pg_class as c on c.oid = x.conrelid
        join pg_namespace as n on n.oid = c.relnamespace where {ours}
    """,
    "index": """
        select x.indexrelid::regclass::text, concat_ws(
            ' ', pg_get_indexdef(x.indexrelid), x.indisprimary, x.indisvalid, x.indisclustered
        )
        from pg_index as x
        join pg_class as c on c.oid = x.indrelid
        join pg_namespace as n on n.oid = c.relnamespace where {ours}
    """,
    "trigger": """
        select format('%%s %%I', c.oid::regclass, t.tgname),
            concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
        from pg_trigger as t
        join pg_class as c on c.oid = t.tgrelid
        join pg_namespace as n on n.oid = c.relnamespace where {ours} and not t.tgisinternal
    """,
    "rule": """
        select format('%%s %%I', c.oid::regclass, r.rulename), pg_get_ruledef(r.oid)
        from pg_rewrite as r
        join pg_class as c on c.oid = r.ev_class
        join pg_namespace as n on n.oid = c.relnamespace where {ours}
    """,
    "function": """
        select p.oid::regprocedure::text, concat_ws(
            ' ', pg_get_functiondef(p.oid), p.proacl::text, obj_description(p.oid, 'pg_proc')
        )
        from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace where {ours}
    """,
    "sequence": """
        select c.oid::regclass::text, to_jsonb(s) - 'seqrelid' - 'seqtypid'
        from pg_sequence as s
        join pg_class as c on c.oid = s.seqrelid
        join pg_namespace as n on n.oid = c.relnamespace where {ours}
    """,
    "type": """
        select t.oid::regtype::text, concat_ws(' ', t.typtype, t.typnotnull, t.typdefault)
        from pg_type as t join pg_namespace as n on n.oid = t.typnamespace where {ours}
    """,
    "extension": """
        select e.extname, n.nspname
        from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace where {all}
    """,
}
OURS = "n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')"
# Alembic keeps its own place; db/sql says nothing of it.
ALEMBIC = "alembic_version"


def snapshot(connection: Connection) -> dict[str, str]:
    """Return all that the schema consists of, each thing's name with its definition."""
    connection.execute("set local search_path = ''")
    found: dict[str, str] = {}
    for kind, query in SNAPSHOT.items():
        text = query.format(ours=OURS, all="true").replace("%%", "%")
        for name, definition in connection.execute(text.encode()).fetchall():
            if ALEMBIC not in name:
                found[f"{kind} {name}"] = str(definition)
    return found


def _constant(path: Any, name: str) -> Any:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    return pytest.fail(f"{path.name} does not say its {name}")


def test_migrations_and_db_sql_end_in_the_same_schema(
    database_url: str, bare_database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        road = snapshot(connection)
    with psycopg.connect(bare_database_url) as connection:
        for file in schema.files():
            connection.execute(file.text.encode())
        truth = snapshot(connection)
        connection.rollback()
    different = {
        name: {"migrations": road.get(name), "db/sql": truth.get(name)}
        for name in sorted(road.keys() | truth.keys())
        if road.get(name) != truth.get(name)
    }
    assert different == {}, "add the migration that is missing, or correct db/sql"


@pytest.mark.parametrize(
    "change",
    [
        "alter table market.gaps alter column filled_by set default 'x'",
        "alter table market.gaps add column more integer",
        "alter table market.ticks drop constraint ticks_values_are_sane",
        "comment on column market.gaps.symbol is 'another'",
        "drop index market.rejected_ticks_rejected_at",
        "alter table reference.series disable trigger keep_version",
        "alter function reference.trade_date(timestamptz) volatile",
        "grant select on market.gaps to public",
    ],
)
def test_a_difference_would_be_seen(database_url: str, change: str) -> None:
    with psycopg.connect(database_url) as connection:
        before = snapshot(connection)
        connection.execute(change.encode())
        assert snapshot(connection) != before
        connection.rollback()


@every_revision
def test_a_revision_is_named_by_its_number_and_has_its_sql_beside_it(path: Any) -> None:
    assert re.fullmatch(r"\d{4}_[a-z0-9]+(_[a-z0-9]+)*", path.stem), f"name it NNNN_{path.stem}"
    assert _constant(path, "revision") == path.stem[:4], f"{path.name}: revision is its number"
    assert path.with_suffix(".sql").exists(), f"write {path.stem}.sql beside {path.name}"


def test_no_migration_lies_beside_the_road() -> None:
    orphans = {p.stem for p in MIGRATIONS.glob("*.sql")} - {p.stem for p in REVISIONS}
    assert orphans == set(), "write the .py that runs it"


def test_the_revisions_follow_one_another() -> None:
    chain = [(_constant(p, "revision"), _constant(p, "down_revision")) for p in REVISIONS]
    numbers = [f"{number:04}" for number in range(1, len(chain) + 1)]
    assert chain == list(zip(numbers, [None, *numbers], strict=False)), "number without holes"


@every_revision
def test_a_migration_reads_no_file_of_db_sql(path: Any) -> None:
    """An old migration that read it would change its meaning with it."""
    assert "db/sql" not in path.read_text()
    assert "thor" not in path.read_text()
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not any("99_queries" in text or text == "sql" for text in texts)


@every_revision
def test_a_migration_makes_no_logic(path: Any) -> None:
    text = re.sub(r"--[^\n]*", "", path.with_suffix(".sql").read_text())
    assert not re.search(r"\bcreate\s+(or\s+replace\s+)?(materialized\s+)?view\b", text), (
        f"{path.stem}.sql: views are files of db/sql, re-created by `thor db up`"
    )
    functions = re.findall(r"\bfunction\s+([\w.]+)\([^)]*\)\s+returns\s+(\w+)", text)
    logic = [name for name, returns in functions if returns != "trigger"]
    assert logic == [], f"{path.stem}.sql: functions are files of db/sql, but for triggers'"


def test_the_migrations_lie_where_the_rules_look() -> None:
    assert REVISIONS, f"no migration below {ROOT.name}/db/migrations/versions"

"""A snapshot of a schema, as texts that can be compared, on either edition."""

from schema_catalogue import HAS_TIMESCALEDB, OURS, Connection

# One query a kind of thing: its name, and all that makes it what it is. Rights are in order:
# which roles a server had first says nothing.
SNAPSHOT = {
    "schema": """
        select n.nspname, concat_ws(
            ' ', (select array_agg(x::text order by x::text) from unnest(n.nspacl) as x),
            obj_description(n.oid, 'pg_namespace')
        )
        from pg_namespace as n where {ours}
    """,
    "relation": """
        select format('%I.%I', n.nspname, c.relname), concat_ws(
            ' ', c.relkind, c.relpersistence, c.reloptions::text,
            (select array_agg(x::text order by x::text) from unnest(c.relacl) as x),
            c.relrowsecurity, c.relreplident, obj_description(c.oid, 'pg_class'),
            pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid)
        )
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where {ours}
    """,
    "column": """
        select format('%I.%I.%I', n.nspname, c.relname, a.attname), concat_ws(
            ' ', row_number() over (partition by c.oid order by a.attnum),
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            a.attstorage, a.attcompression, a.attstattarget, a.attoptions::text,
            pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)
        )
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid
        join pg_namespace as n on n.oid = c.relnamespace
        left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where {ours} and a.attnum > 0 and not a.attisdropped
        and c.relkind in ('r', 'p', 'v', 'm', 'c')
    """,
    "constraint": """
        select format('%s %I', c.oid::regclass, x.conname), concat_ws(
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
        select format('%s %I', c.oid::regclass, t.tgname),
            concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
        from pg_trigger as t
        join pg_class as c on c.oid = t.tgrelid
        join pg_namespace as n on n.oid = c.relnamespace where {ours} and not t.tgisinternal
    """,
    "rule": """
        select format('%s %I', c.oid::regclass, r.rulename), pg_get_ruledef(r.oid)
        from pg_rewrite as r
        join pg_class as c on c.oid = r.ev_class
        join pg_namespace as n on n.oid = c.relnamespace where {ours} and c.relkind = 'v'
        and pg_get_viewdef(c.oid) !~ '_materialized_hypertable_'
    """,
    "function": """
        select p.oid::regprocedure::text, concat_ws(
            ' ', pg_get_functiondef(p.oid),
            (select array_agg(x::text order by x::text) from unnest(p.proacl) as x),
            obj_description(p.oid, 'pg_proc')
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
        select t.oid::regtype::text, concat_ws(
            ' ', t.typtype, t.typnotnull, t.typdefault, obj_description(t.oid, 'pg_type')
        )
        from pg_type as t join pg_namespace as n on n.oid = t.typnamespace where {ours}
    """,
    "extension": """
        select e.extname, n.nspname
        from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace where {all}
    """,
}
# What TimescaleDB keeps in tables of its own. Where a hypertable is the store of a continuous
# aggregate it goes by the aggregate's name: its own has a number in it.
NAMED = """
    select
        hypertable_schema as schema_name, hypertable_name as table_name,
        format('%I.%I', hypertable_schema, hypertable_name)::regclass as relation,
        format('%I.%I', hypertable_schema, hypertable_name) as name, false as is_store
    from timescaledb_information.hypertables
    union all
    select
        materialization_hypertable_schema, materialization_hypertable_name,
        format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
        ::regclass, format('%I.%I', view_schema, view_name), true
    from timescaledb_information.continuous_aggregates
"""
SNAPSHOT_OF_TIMESCALEDB = {
    "hypertable": """
        select named.name, concat_ws(
            ' ', h.num_dimensions, h.compression_enabled, h.tablespaces::text, h.primary_dimension
        )
        from timescaledb_information.hypertables as h
        join ({named}) as named
            on named.schema_name = h.hypertable_schema and named.table_name = h.hypertable_name
    """,
    "dimension": """
        select concat_ws(' ', named.name, d.dimension_number), concat_ws(
            ' ', d.column_name, d.column_type, d.dimension_type, d.time_interval,
            d.integer_interval, d.integer_now_func, d.num_partitions
        )
        from timescaledb_information.dimensions as d
        join ({named}) as named
            on named.schema_name = d.hypertable_schema and named.table_name = d.hypertable_name
    """,
    "continuous aggregate": """
        select format('%I.%I', a.view_schema, a.view_name), concat_ws(
            ' ', named.name, a.materialized_only, a.compression_enabled, a.view_definition
        )
        from timescaledb_information.continuous_aggregates as a
        left join ({named}) as named
            on named.schema_name = a.hypertable_schema and named.table_name = a.hypertable_name
    """,
    "index of an aggregate": """
        select concat_ws(' ', named.name, row_number() over (
            partition by named.name order by split_part(pg_get_indexdef(i.indexrelid), ' USING ', 2)
        )), split_part(pg_get_indexdef(i.indexrelid), ' USING ', 2)
        from pg_index as i
        join ({named}) as named on named.relation = i.indrelid
        where named.is_store
    """,
    "column of an aggregate": """
        select concat_ws('.', named.name, a.attname), concat_ws(
            ' ', row_number() over (partition by named.name order by a.attnum),
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attstorage, a.attcompression
        )
        from pg_attribute as a
        join ({named}) as named on named.relation = a.attrelid
        where named.is_store and a.attnum > 0 and not a.attisdropped
    """,
    "columnstore": """
        select named.name, concat_ws(
            ' ', s.segmentby, '|', s.orderby, '|', s.compress_interval_length, '|', s.index::text
        )
        from timescaledb_information.hypertable_columnstore_settings as s
        join ({named}) as named on named.relation = s.hypertable
    """,
    "policy": """
        select concat_ws(' ', j.proc_schema, j.proc_name, coalesce(
            named.name, quote_ident(j.hypertable_schema) || '.' || quote_ident(j.hypertable_name)
        )), concat_ws(
            ' ', j.schedule_interval, j.max_runtime, j.max_retries, j.retry_period, j.scheduled,
            j.fixed_schedule, j.initial_start, j.check_schema, j.check_name,
            j.config - 'hypertable_id' - 'mat_hypertable_id'
        )
        from timescaledb_information.jobs as j
        left join ({named}) as named
            on named.schema_name = j.hypertable_schema and named.table_name = j.hypertable_name
        where j.job_id >= 1000
    """,
}
# Alembic keeps its own version; db/sql does not mention it.
ALEMBIC = "alembic_version"


def snapshot(connection: Connection) -> dict[str, str]:
    """Return all that the schema consists of, each thing's name with its definition."""
    connection.execute("set local search_path = ''")
    row = connection.execute(HAS_TIMESCALEDB.encode()).fetchone()
    queries = SNAPSHOT | (SNAPSHOT_OF_TIMESCALEDB if row and row[0] else {})
    found: dict[str, str] = {}
    for kind, query in queries.items():
        text = query.format(ours=OURS, all="true", named=NAMED)
        for name, definition in connection.execute(text.encode()).fetchall():
            if ALEMBIC not in name:
                key = f"{kind} {name}"
                assert key not in found, f"two of the name {key}: the snapshot would hide one"
                found[key] = str(definition)
    return found

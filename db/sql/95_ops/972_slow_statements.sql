-- Stage     95 ops
-- Makes     ops.slow_statements(integer)
-- Kind      function
-- Grain     one row a (statement, role)
-- Known at  –
-- Reads     –
-- Nulls     never
-- Why       The statistics exist where the server loads pg_stat_statements, and
--           show others' statements to few: this shows them to who reads, for
--           this database alone, and nothing where they do not exist. A
--           statement that sets a password is left out.

create function ops.slow_statements(of_count integer default 20)
returns table (
    statement text,
    role text,
    calls bigint,
    total_ms double precision,
    mean_ms double precision,
    max_ms double precision,
    rows_returned bigint,
    hit_share double precision
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp as $$
begin
    if to_regclass('public.pg_stat_statements') is null then
        return;
    end if;
    return query execute
        'select left(regexp_replace(s.query, ''\s+'', '' '', ''g''), 500), '
        'pg_get_userbyid(s.userid)::text, s.calls, s.total_exec_time, '
        's.mean_exec_time, s.max_exec_time, s.rows, '
        's.shared_blks_hit::float8 '
        '/ nullif(s.shared_blks_hit + s.shared_blks_read, 0) '
        'from public.pg_stat_statements as s '
        'where s.dbid = (select d.oid from pg_database as d '
        'where d.datname = current_database()) '
        'and s.query !~* ''password'' '
        'order by s.total_exec_time desc limit $1'
        using of_count;
exception
    -- The extension is there and the server does not load its library.
    when object_not_in_prerequisite_state then return;
end $$;

comment on function ops.slow_statements(integer) is
    'The statements of this database that took most time since the server''s '
    'statistics began, in ms, and the share of pages found in memory; none '
    'where it keeps no statistics.';

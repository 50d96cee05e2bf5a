-- Stage     30 ticks
-- Makes     market.convert_chunks(integer, jsonb),
--           columnstore policy of market.ticks
-- Kind      procedure and policy
-- Grain     one call a hypertable
-- Known at  –
-- Reads     market.ticks
-- Nulls     –
-- Why       Ticks older than the late window are converted to columns, which
--           take a tenth of the space. TimescaleDB's own policy makes a chunk
--           look empty to a reader whose snapshot is older than the conversion,
--           whether rows are deleted or truncated, and hides late rows when it
--           adds them to columns. Rows written frozen, as truncate_only does
--           for a chunk's first conversion, are visible to all; that waits for
--           readers, so not for long. Other conversions wait until nobody reads
--           an older snapshot.

create procedure market.convert_chunks(job_id integer, config jsonb)
language plpgsql as $$
declare
    chunk record;
    is_partial boolean;
begin
    for chunk in
        select
            s.name,
            _timescaledb_functions.chunk_status_text(s.name) as status
        from timescaledb_information.jobs as j
        cross join lateral public.show_chunks(
            format('%I.%I', j.hypertable_schema, j.hypertable_name)::regclass,
            older_than => (convert_chunks.config ->> 'after')::interval
        ) as s (name)
        where j.job_id = convert_chunks.job_id
    loop
        is_partial := 'PARTIAL' = any(chunk.status);
        continue when not is_partial and 'COMPRESSED' = any(chunk.status);
        perform
            set_config('lock_timeout', '200ms', true),
            set_config(
                'timescaledb.compress_truncate_behaviour', 'truncate_only', true
            );
        -- Those who read one state of the database share this.
        exit when not pg_try_advisory_xact_lock(7405113);
        if not is_partial or not exists (
            select
            from pg_catalog.pg_stat_activity as a
            where
                a.datname = current_database()
                and a.backend_type = 'client backend'
                and a.backend_xmin is not null
                and a.xact_start < clock_timestamp() - interval '1 second'
                and a.pid <> pg_backend_pid()
        ) then
            begin
                call public.convert_to_columnstore(chunk.name);
            exception when lock_not_available then
                raise log '% is in use: it is converted next time', chunk.name;
            end;
        end if;
        commit;
    end loop;
end $$;

comment on procedure market.convert_chunks(integer, jsonb) is
    'Converts old chunks of a hypertable to columnstore, unless a snapshot of '
    'the database is being read.';

select _timescaledb_functions.alter_job_set_hypertable_id(
    public.add_job(
        'market.convert_chunks', interval '10 minutes',
        config => '{"after": "2 days"}', fixed_schedule => false
    ),
    'market.ticks'
);

-- TimescaleDB's own policy empties a chunk for whoever began to read before it
-- was converted and reads it after: Thor converts by itself, when nobody does.

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
    'Converts the chunks of a hypertable that are old enough to columnstore, '
    'unless somebody reads one state of the database meanwhile.';

call public.remove_columnstore_policy('market.ticks');
call public.remove_columnstore_policy('market._bars_1s');
call public.remove_columnstore_policy('market._bars_1m');
call public.remove_columnstore_policy('market._bars_5m');
call public.remove_columnstore_policy('market._bars_1h');

select _timescaledb_functions.alter_job_set_hypertable_id(
    public.add_job(
        'market.convert_chunks', interval '10 minutes',
        config => '{"after": "2 days"}', fixed_schedule => false
    ),
    'market.ticks'
);

select _timescaledb_functions.alter_job_set_hypertable_id(
    public.add_job(
        'market.convert_chunks', interval '10 minutes',
        config => jsonb_build_object('after', w.age), fixed_schedule => false
    ),
    format(
        '%I.%I',
        a.materialization_hypertable_schema,
        a.materialization_hypertable_name
    )::regclass
)
from (
    values
    (1, '_bars_1s', '7 days'),
    (2, '_bars_1m', '30 days'),
    (3, '_bars_5m', '90 days'),
    (4, '_bars_1h', '365 days')
) as w (place, bars, age)
inner join timescaledb_information.continuous_aggregates as a
    on a.view_schema = 'market' and a.view_name = w.bars
order by w.place;

do $$ begin
    execute format(
        'alter database %I reset timescaledb.compress_truncate_behaviour',
        current_database()
    );
end $$;

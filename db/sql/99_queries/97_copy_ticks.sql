-- Stage     30 ticks
-- Ticks by trade date, read, written and compared: statements as text, since
-- COPY takes no arguments. Braces are filled in.

-- name: tick_statements
with columns as (
    select
        string_agg(quote_ident(a.attname), ', ' order by a.attnum)
            filter (where a.attgenerated = '') as stored,
        string_agg('t.' || quote_ident(a.attname), ', ' order by a.attnum)
            as every
    from pg_catalog.pg_attribute as a
    where
        a.attrelid = 'market.ticks'::regclass
        and a.attnum > 0
        and not a.attisdropped
),

parts as (
    select
        c.stored,
        'count(*) as records, sum(hash_numeric_extended(hash_record_extended('
        'row(' || c.every || '), 0)::numeric, 0)) as checksum'
        || ' from market.ticks as t' as measured,
        ' where t.symbol = any({symbols}::text[])'
        ' and t.ts >= {ts_from}::timestamptz'
        ' and t.ts < {ts_to}::timestamptz' as of_span
    from columns as c
)

select
    'select t.trade_date, t.symbol, ' || p.measured
    || ' group by 1, 2 order by 1, 2' as survey,
    'select date_bin(''1 hour'', t.ts, timestamptz ''epoch'') as hour, '
    || p.measured || p.of_span || ' group by 1 order by 1' as by_hour,
    'copy (select ' || p.stored || ' from market.ticks as t' || p.of_span
    || ') to stdout (format binary)' as copy_out,
    'copy market.ticks (' || p.stored || ') from stdin (format binary)'
        as copy_in,
    'create temporary table ticks_arriving on commit drop as select '
    || p.stored || ' from market.ticks with no data' as stage,
    'copy pg_temp.ticks_arriving (' || p.stored
    || ') from stdin (format binary)' as copy_to_stage,
    'insert into market.ticks (' || p.stored || ') select ' || p.stored
    || ' from pg_temp.ticks_arriving order by symbol, ts, seq, source'
    || ' on conflict (symbol, ts, seq, source) do nothing' as merge,
    'drop table pg_temp.ticks_arriving' as unstage
from parts as p;

-- name: ticks_by_date
select
    t.trade_date,
    count(*) as records
from market.ticks as t
group by t.trade_date
order by t.trade_date;

-- name: trade_date_span
select
    (d.trade_date - 1 + time '17:00') at time zone 'America/Chicago' as ts_from,
    (d.trade_date + time '17:00') at time zone 'America/Chicago' as ts_to
from (values (%(trade_date)s::date)) as d (trade_date);

-- name: mark_stale
insert into market.bars_to_refresh (ts_from, ts_to)
values (%(ts_from)s::timestamptz, %(ts_to)s::timestamptz);

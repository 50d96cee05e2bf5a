-- Stage     30 ticks
-- Writes batches from the bus into the database.

-- name: copy_ticks
copy market.ticks (
    ts, symbol, seq, source, contract, last, bid, ask, last_size, bid_size,
    ask_size, side, volume, volume_delta, is_trade, is_sampled, received_at
) from stdin (format binary);

-- name: create_stage
create temporary table tick_stage (
    ts timestamptz, symbol text, seq bigint, source text, contract text,
    last numeric(18, 8), bid numeric(18, 8), ask numeric(18, 8),
    last_size integer, bid_size integer, ask_size integer, side text,
    volume bigint, volume_delta bigint, is_trade boolean, is_sampled boolean,
    received_at timestamptz, place integer generated always as identity
) on commit drop;

-- name: copy_stage
copy pg_temp.tick_stage (
    ts, symbol, seq, source, contract, last, bid, ask, last_size, bid_size,
    ask_size, side, volume, volume_delta, is_trade, is_sampled, received_at
) from stdin (format binary);

-- Known ticks are looked up for the whole stage: one by one, each look-up would
-- decompress a thousand ticks. Instants and symbols are given, since otherwise
-- every chunk would be read. The index catches another writer that inserts the
-- same ticks meanwhile.
-- name: merge_stage
insert into market.ticks (
    ts, symbol, seq, source, contract, last, bid, ask, last_size, bid_size,
    ask_size, side, volume, volume_delta, is_trade, is_sampled, received_at
)
select
    s.ts, s.symbol, s.seq, s.source, s.contract, s.last, s.bid, s.ask,
    s.last_size, s.bid_size, s.ask_size, s.side, s.volume, s.volume_delta,
    s.is_trade, s.is_sampled, s.received_at
from pg_temp.tick_stage as s
where
    s.ts between %(first)s::timestamptz and %(last)s::timestamptz
    and not exists (
        select
        from market.ticks as t
        where
            t.symbol = s.symbol
            and t.ts = s.ts
            and t.seq = s.seq
            and t.source = s.source
            and t.symbol = any(%(symbols)s::text [])
            and t.ts between %(first)s::timestamptz and %(last)s::timestamptz
    )
order by s.symbol, s.ts, s.seq, s.source, s.place
on conflict (symbol, ts, seq, source) do nothing;

-- The positions, from 1, of staged ticks whose identity is stored with other
-- values: not one tick delivered twice, but two ticks with one identity.
-- name: conflicting_stage
select s.place
from pg_temp.tick_stage as s
inner join market.ticks as t
    on
        t.symbol = s.symbol
        and t.ts = s.ts
        and t.seq = s.seq
        and t.source = s.source
where
    t.ts between %(first)s::timestamptz and %(last)s::timestamptz
    and t.symbol = any(%(symbols)s::text [])
    and s.ts between %(first)s::timestamptz and %(last)s::timestamptz
    and (
        s.contract, s.last, s.bid, s.ask, s.last_size, s.bid_size, s.ask_size,
        s.side, s.volume, s.is_trade
    ) is distinct from (
        t.contract, t.last, t.bid, t.ask, t.last_size, t.bid_size, t.ask_size,
        t.side, t.volume, t.is_trade
    )
order by s.place;

-- Before a table that was just filled has statistics, nested loops would
-- compare every pair.
-- name: avoid_nested_loops
set local enable_nestloop = off;

-- name: allow_nested_loops
set local enable_nestloop to default;

-- The same on the plain edition, each staged tick looked up in the index.
-- name: conflicting_rows
select s.place
from pg_temp.tick_stage as s
cross join lateral (
    select t.*
    from market.ticks as t
    where
        t.symbol = s.symbol
        and t.ts = s.ts
        and t.seq = s.seq
        and t.source = s.source
    offset 0
) as t
where
    (
        s.contract, s.last, s.bid, s.ask, s.last_size, s.bid_size, s.ask_size,
        s.side, s.volume, s.is_trade
    ) is distinct from (
        t.contract, t.last, t.bid, t.ask, t.last_size, t.bid_size, t.ask_size,
        t.side, t.volume, t.is_trade
    )
order by s.place;

-- An entry that is not Thor's has no ordinals: its id prevents a row for each
-- delivery. A tape's tick stands here once, however often the tape is replayed,
-- until it is tried again.
-- name: insert_rejected
insert into market.rejected_ticks (
    symbol, ts, seq, source, field, value, reason, ticks, entry_id, payload
)
select
    %(symbol)s::text, %(ts)s::timestamptz, %(seq)s::bigint, %(source)s::text,
    %(field)s::text, %(value)s::text, %(reason)s::text, %(ticks)s::integer,
    %(entry_id)s::text, %(payload)s::text
where
    case
        when %(ticks)s::integer = 0
            then not exists (
                select
                from market.rejected_ticks as r
                where
                    r.ticks = 0
                    and r.entry_id = %(entry_id)s::text
                    and r.payload = %(payload)s::text
            )
        when %(ticks)s::integer = 1 and %(source)s::text like 'TAPE:%%'
            then not exists (
                select
                from market.rejected_ticks as r
                where
                    r.source = %(source)s::text
                    and r.seq = %(seq)s::bigint
                    and r.symbol is not distinct from %(symbol)s::text
                    and r.reason = %(reason)s::text
                    and r.retried_at is null
            )
        else true
    end;

-- name: insert_batch
insert into market.ingest_batches (
    ordinals, received, inserted, duplicate, rejected, lost, consumer
)
values (
    %(ordinals)s::int8multirange, %(received)s::bigint, %(inserted)s::bigint,
    %(duplicate)s::bigint, %(rejected)s::bigint, %(lost)s::bigint,
    %(consumer)s::text
);

-- The ordinals of a span that no batch covers, and how many they are.
-- name: lost_ordinals
select
    l.ordinals,
    (
        select coalesce(sum(upper(u.part) - lower(u.part)), 0)
        from unnest(l.ordinals) as u (part)
    )::bigint as ticks
from (
    select
        int8multirange(int8range(%(base)s::bigint, %(bound)s::bigint))
        - coalesce(range_agg(b.ordinals), '{}') as ordinals
    from market.ingest_batches as b
    where
        b.ordinals
        && int8multirange(int8range(%(base)s::bigint, %(bound)s::bigint))
) as l;

-- name: covered_ordinals
select b.ordinals * %(wanted)s::int8multirange as ordinals
from market.ingest_batches as b
where b.ordinals && %(wanted)s::int8multirange;

-- name: newest_ordinal
select coalesce(max(upper(b.ordinals)), 0)::bigint as ordinal
from market.ingest_batches as b;

-- Folds the batches that committed before a moment into one row, so that the
-- table stays short while its coverage stays exact; each life of the bus
-- separately, since each has counts of its own.
-- name: fold_batches
with old as (
    delete from market.ingest_batches as b
    where b.committed_at < %(before)s::timestamptz
    returning
        b.ordinals, b.received, b.inserted, b.duplicate, b.rejected, b.lost
)

select
    range_agg(o.ordinals) as ordinals,
    sum(o.received)::bigint as received,
    sum(o.inserted)::bigint as inserted,
    sum(o.duplicate)::bigint as duplicate,
    sum(o.rejected)::bigint as rejected,
    sum(o.lost)::bigint as lost,
    count(*) as batches
from old as o
group by lower(o.ordinals) >= %(base)s::bigint;

-- A drop waits for transactions with this lock, and they wait for a drop.
-- name: lock_ranges
select pg_advisory_xact_lock_shared(7405109);

-- name: dropped_ranges
select d.trade_date, d.ts_from, d.ts_to, d.evidence
from market.dropped_ranges as d
where
    d.ts_to > %(first)s::timestamptz
    and d.ts_from <= %(last)s::timestamptz;

-- The clocks of a source that ran ahead begin anew at the database's own time.
-- name: reset_clock
with was as (
    select c.ts > now() as is_ahead
    from market.source_clocks as c
    where c.source = %(source)s::text
), reset as (
    update market.source_clocks
    set ts = now(), changed_at = now()
    where source = %(source)s::text and ts > now()
)
select
    coalesce((select w.is_ahead from was as w), false) as was_ahead,
    (
        select count(*)
        from market.ticks as t
        where t.source = %(source)s::text and t.ts > now()
    ) as ticks_ahead;

-- name: database_now
select clock_timestamp() as now;

-- name: upsert_clock
insert into market.source_clocks as c (source, ts)
values (%(source)s::text, %(ts)s::timestamptz)
on conflict (source) do update set
    ts = greatest(c.ts, excluded.ts), changed_at = now();

-- Ticks younger than 4 s by the database's clock are read live: no refresh
-- reaches that far.
-- name: insert_stale
insert into market.bars_to_refresh (ts_from, ts_to)
select
    u.first_ts,
    u.last_ts + interval '1 microsecond'
from unnest(%(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
    as u (first_ts, last_ts)
where u.first_ts < clock_timestamp() - interval '4 seconds'
order by 1;

-- Stage     60 store
-- Makes     store.note_late_ticks(), trigger note_late_ticks on market.ticks
-- Kind      trigger function and trigger
-- Grain     one range a (symbol, width, UTC day) and statement
-- Known at  –
-- Reads     market.ticks, market.source_clocks, store.features_to_refresh
-- Nulls     –
-- Why       A tick that is written after its bar was known makes the bar's row
--           stale, or the bar has none yet, as in a replayed day. On the
--           timescale edition market.bars_to_refresh records it, and the job
--           that refreshes those bars records their features.

create function store.note_late_ticks() returns trigger
language plpgsql as $$
begin
    with minutes as (
        select
            i.symbol,
            date_bin('1 minute', i.ts, timestamptz 'epoch') as minute
        from inserted as i
        group by i.symbol, minute
    ),

    clocks as (
        select max(c.ts) as ts
        from market.source_clocks as c
    ),

    late as (
        select
            w.width,
            w.length,
            m.symbol,
            date_bin(w.length, m.minute, timestamptz 'epoch') as bar_start
        from minutes as m
        cross join clocks as c
        cross join (values
            ('1m', interval '1 minute'),
            ('5m', interval '5 minutes'),
            ('1h', interval '1 hour')
        ) as w (width, length)
        where
            date_bin(w.length, m.minute, timestamptz 'epoch') + w.length
            + interval '1 second'
            <= greatest(now(), c.ts)
    )

    insert into store.features_to_refresh (
        width, symbol, ts_from, ts_to, reason
    )
    select
        l.width,
        l.symbol,
        min(l.bar_start),
        max(l.bar_start) + l.length,
        'late'
    from late as l
    group by l.width, l.length, l.symbol, date_trunc('day', l.bar_start, 'UTC');
    return null;
end $$;

create trigger note_late_ticks
after insert on market.ticks
referencing new table as inserted
for each statement execute function store.note_late_ticks();

comment on function store.note_late_ticks() is
    'Notes the bars that ticks came to after they were known.';

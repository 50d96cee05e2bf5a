-- Stage     60 store
-- Makes     store.note_closed_bars(),
--           trigger note_closed_bars on market.source_clocks,
--           store.note_imported_bars(),
--           trigger note_imported_bars on market.bars_imported,
--           trigger note_replaced_bars on market.bars_imported,
--           trigger note_removed_bars on market.bars_imported,
--           store.note_session(), trigger note_session on reference.sessions,
--           store.note_instrument(),
--           trigger note_instrument on reference.instruments
-- Kind      trigger function and trigger
-- Grain     one range a width and change
-- Known at  –
-- Reads     market.source_clocks, market.bars_imported, reference.sessions,
--           reference.instruments, reference.series, store.features_1m,
--           store.features_5m, store.features_1h, store.features_to_refresh
-- Nulls     –
-- Why       Whatever makes a stored row stale, or a bar be without its row,
--           is recorded in its own transaction, so that a reader who sees the
--           change sees the range.

create function store.note_closed_bars() returns trigger
language plpgsql as $$
begin
    insert into store.features_to_refresh (width, ts_from, ts_to, reason)
    select
        w.width,
        date_bin(w.length, old.ts - interval '1 second', timestamptz 'epoch'),
        date_bin(w.length, new.ts - interval '1 second', timestamptz 'epoch'),
        'closed'
    from (values
        ('1m', interval '1 minute'),
        ('5m', interval '5 minutes'),
        ('1h', interval '1 hour')
    ) as w (width, length)
    where
        date_bin(w.length, old.ts - interval '1 second', timestamptz 'epoch')
        < date_bin(w.length, new.ts - interval '1 second', timestamptz 'epoch');
    return null;
end $$;

create trigger note_closed_bars
after update of ts on market.source_clocks
for each row execute function store.note_closed_bars();

create function store.note_imported_bars() returns trigger
language plpgsql as $$
begin
    insert into store.features_to_refresh (
        width, symbol, ts_from, ts_to, reason
    )
    select
        w.width,
        c.symbol,
        date_bin(w.length, min(c.bar_start), timestamptz 'epoch'),
        date_bin(w.length, max(c.bar_start), timestamptz 'epoch') + w.length,
        'import'
    from changed as c
    inner join (values
        ('1m', interval '1 minute'),
        ('5m', interval '5 minutes'),
        ('1h', interval '1 hour')
    ) as w (width, length)
        on c.width in (w.width, '1s')
    group by w.width, w.length, c.symbol;
    -- A bar of a day is what the next session is compared with, where nothing
    -- finer is.
    insert into store.features_to_refresh (
        width, symbol, family, ts_from, ts_to, reason
    )
    select
        w.width,
        c.symbol,
        'context',
        min(c.bar_start),
        max(c.bar_start) + interval '18 days',
        'import'
    from changed as c
    cross join (values ('1m'), ('5m'), ('1h')) as w (width)
    where
        c.width = '1d'
        and exists (
            select from store.features_1m as f where f.symbol = c.symbol
            union all
            select from store.features_5m as f where f.symbol = c.symbol
            union all
            select from store.features_1h as f where f.symbol = c.symbol
        )
    group by w.width, c.symbol;
    return null;
end $$;

create trigger note_imported_bars
after insert on market.bars_imported
referencing new table as changed
for each statement execute function store.note_imported_bars();

create trigger note_replaced_bars
after update on market.bars_imported
referencing new table as changed
for each statement execute function store.note_imported_bars();

create trigger note_removed_bars
after delete on market.bars_imported
referencing old table as changed
for each statement execute function store.note_imported_bars();

-- A session of which no row is stored makes none stale.
create function store.note_session() returns trigger
language plpgsql as $$
declare
    first timestamptz := least(old.open_at, new.open_at);
    last timestamptz := greatest(old.close_at, new.close_at);
begin
    -- The session after is compared with this one.
    select greatest(last, min(s.close_at)) into last
    from reference.sessions as s
    where
        s.calendar = coalesce(new.calendar, old.calendar)
        and s.trade_date > greatest(old.trade_date, new.trade_date);
    insert into store.features_to_refresh (
        width, family, ts_from, ts_to, reason
    )
    select w.width, 'context', first, last, 'calendar'
    from (values
        ('1m', exists (
            select from store.features_1m as f
            where f.bar_start >= first and f.bar_start < last
        )),
        ('5m', exists (
            select from store.features_5m as f
            where f.bar_start >= first and f.bar_start < last
        )),
        ('1h', exists (
            select from store.features_1h as f
            where f.bar_start >= first and f.bar_start < last
        ))
    ) as w (width, has_rows)
    where w.has_rows;
    return null;
end $$;

create trigger note_session
after insert or update or delete on reference.sessions
for each row execute function store.note_session();

create function store.note_instrument() returns trigger
language plpgsql as $$
begin
    insert into store.features_to_refresh (
        width, symbol, family, ts_from, ts_to, reason
    )
    select w.width, s.symbol, f.family, '-infinity', 'infinity', 'calendar'
    from reference.series as s
    cross join (values ('1m'), ('5m'), ('1h')) as w (width)
    cross join (values
        -- A stock's trade date is its own.
        ('context', new.calendar is distinct from old.calendar),
        ('session', new.calendar is distinct from old.calendar),
        ('cross_asset', new.calendar is distinct from old.calendar),
        ('microstructure', new.tick_size is distinct from old.tick_size)
    ) as f (family, is_changed)
    where
        s.root = new.symbol
        and f.is_changed
        and (
            exists (
                select from store.features_1m as m where m.symbol = s.symbol
            )
            or exists (
                select from store.features_5m as m where m.symbol = s.symbol
            )
            or exists (
                select from store.features_1h as m where m.symbol = s.symbol
            )
        );
    return null;
end $$;

create trigger note_instrument
after update on reference.instruments
for each row execute function store.note_instrument();

comment on function store.note_closed_bars() is
    'Notes the bars that close as a source''s clock moves on.';
comment on function store.note_imported_bars() is
    'Notes the bars that an import writes, replaces or removes.';
comment on function store.note_session() is
    'Notes the stored rows whose session changed.';
comment on function store.note_instrument() is
    'Notes the series whose grid or calendar changed.';

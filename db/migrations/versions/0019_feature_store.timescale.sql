-- The feature store: rows of features a bar, what changed, and who notes it.
create schema if not exists store;

comment on schema store is
    'Features as they are kept: a row a bar, and what is to be made anew.';

create table store.features_1m (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
);

create table store.features_5m (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
);

create table store.features_1h (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    primary key (symbol, bar_start)
);

select public.create_hypertable(
    'store.features_1m', public.by_range('bar_start', interval '1 month'),
    create_default_indexes => false
);
select public.create_hypertable(
    'store.features_5m', public.by_range('bar_start', interval '3 months'),
    create_default_indexes => false
);
select public.create_hypertable(
    'store.features_1h', public.by_range('bar_start', interval '1 year'),
    create_default_indexes => false
);

alter table store.features_1m set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter table store.features_5m set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter table store.features_1h set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);

select _timescaledb_functions.alter_job_set_hypertable_id(
    public.add_job(
        'market.convert_chunks', interval '1 hour',
        config => '{"after": "7 days"}', fixed_schedule => false
    ),
    w.name::regclass
)
from (values
    (1, 'store.features_1m'), (2, 'store.features_5m'), (3, 'store.features_1h')
) as w (place, name)
order by w.place;

comment on table store.features_1m is
    'Every feature of every closed bar of one minute with a trade, a row a '
    'bar. Filter by symbol and bar_start, which are the key.';
comment on column store.features_1m.symbol is
    'The series.';
comment on column store.features_1m.bar_start is
    'First instant of the bar.';
comment on column store.features_1m.bar_ticks is
    'Ticks of the bar when the row was made; 0 of an imported bar. Where '
    'the bar has others now the row is stale.';
comment on column store.features_1m.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_1m.changed_at is
    'When a value of it last changed by more than 1e-9, by the database''s '
    'clock.';

comment on table store.features_5m is
    'Every feature of every closed bar of five minutes with a trade, a row '
    'a bar. Filter by symbol and bar_start, which are the key.';
comment on column store.features_5m.symbol is
    'The series.';
comment on column store.features_5m.bar_start is
    'First instant of the bar.';
comment on column store.features_5m.bar_ticks is
    'Ticks of the bar when the row was made; 0 of an imported bar. Where '
    'the bar has others now the row is stale.';
comment on column store.features_5m.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_5m.changed_at is
    'When a value of it last changed by more than 1e-9, by the database''s '
    'clock.';

comment on table store.features_1h is
    'Every feature of every closed bar of one hour with a trade, a row a '
    'bar. Filter by symbol and bar_start, which are the key.';
comment on column store.features_1h.symbol is
    'The series.';
comment on column store.features_1h.bar_start is
    'First instant of the bar.';
comment on column store.features_1h.bar_ticks is
    'Ticks of the bar when the row was made; 0 of an imported bar. Where '
    'the bar has others now the row is stale.';
comment on column store.features_1h.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_1h.changed_at is
    'When a value of it last changed by more than 1e-9, by the database''s '
    'clock.';

create table store.features_1m_before (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    replaced_at timestamptz not null,
    primary key (symbol, bar_start, replaced_at)
);

create table store.features_5m_before (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    replaced_at timestamptz not null,
    primary key (symbol, bar_start, replaced_at)
);

create table store.features_1h_before (
    symbol text not null,
    bar_start timestamptz not null,
    bar_ticks bigint not null,
    made_at timestamptz not null,
    changed_at timestamptz not null,
    replaced_at timestamptz not null,
    primary key (symbol, bar_start, replaced_at)
);

comment on table store.features_1m_before is
    'Rows of store.features_1m as they were before they changed, where they '
    'had been there in time to be used.';
comment on column store.features_1m_before.symbol is
    'The series.';
comment on column store.features_1m_before.bar_start is
    'First instant of the bar.';
comment on column store.features_1m_before.bar_ticks is
    'Ticks of the bar when this version was made.';
comment on column store.features_1m_before.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_1m_before.changed_at is
    'From when on it held these values.';
comment on column store.features_1m_before.replaced_at is
    'When other values took their place, or the bar went.';

comment on table store.features_5m_before is
    'Rows of store.features_5m as they were before they changed, where they '
    'had been there in time to be used.';
comment on column store.features_5m_before.symbol is
    'The series.';
comment on column store.features_5m_before.bar_start is
    'First instant of the bar.';
comment on column store.features_5m_before.bar_ticks is
    'Ticks of the bar when this version was made.';
comment on column store.features_5m_before.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_5m_before.changed_at is
    'From when on it held these values.';
comment on column store.features_5m_before.replaced_at is
    'When other values took their place, or the bar went.';

comment on table store.features_1h_before is
    'Rows of store.features_1h as they were before they changed, where they '
    'had been there in time to be used.';
comment on column store.features_1h_before.symbol is
    'The series.';
comment on column store.features_1h_before.bar_start is
    'First instant of the bar.';
comment on column store.features_1h_before.bar_ticks is
    'Ticks of the bar when this version was made.';
comment on column store.features_1h_before.made_at is
    'When the row was first written, by the database''s clock.';
comment on column store.features_1h_before.changed_at is
    'From when on it held these values.';
comment on column store.features_1h_before.replaced_at is
    'When other values took their place, or the bar went.';

create table store.features_to_refresh (
    range_id bigint generated always as identity primary key,
    width text not null check (width in ('1m', '5m', '1h')),
    symbol text,
    family text,
    ts_from timestamptz not null,
    ts_to timestamptz not null,
    reason text not null check (
        reason in (
            'closed', 'late', 'import', 'rebuild', 'text', 'calendar',
            'missing', 'asked'
        )
    ),
    recorded_at timestamptz not null default now(),
    check (ts_from < ts_to)
);

create table store.feature_texts (
    family text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
);

comment on table store.features_to_refresh is
    'Ranges of bars whose stored features are to be made or repaired; '
    'empty: no row is stale and none is missing.';
comment on column store.features_to_refresh.range_id is
    'Its number.';
comment on column store.features_to_refresh.width is
    'Width of the bars that changed: 1m, 5m, 1h.';
comment on column store.features_to_refresh.symbol is
    'The series; null: all.';
comment on column store.features_to_refresh.family is
    'The family whose values are to be made anew; null: all.';
comment on column store.features_to_refresh.ts_from is
    'Start of the first bar that changed.';
comment on column store.features_to_refresh.ts_to is
    'First instant after the last one.';
comment on column store.features_to_refresh.reason is
    'closed: its source''s clock passed its end; late: ticks came after '
    'that; import, rebuild: the bars were written anew; text: the SQL '
    'changed; calendar: sessions or instruments did; missing: no row was '
    'ever made; asked: by `thor features build`.';
comment on column store.features_to_refresh.recorded_at is
    'When its transaction began, by the database''s clock.';

comment on table store.feature_texts is
    'The SQL that the stored values of each family were made with, or are '
    'being made with.';
comment on column store.feature_texts.family is
    'The family.';
comment on column store.feature_texts.sha256 is
    'SHA-256 of the SQL it is made of, without comments, in hex.';
comment on column store.feature_texts.applied_at is
    'When `thor db up` applied it, by the database''s clock.';

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
        ('context', new.calendar is distinct from old.calendar),
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

-- A database that has bars already lacks every row.
insert into store.features_to_refresh (width, ts_from, ts_to, reason)
select w.width, '-infinity', 'infinity', 'missing'
from (values ('1m'), ('5m'), ('1h')) as w (width)
where exists (select from ops.edition);

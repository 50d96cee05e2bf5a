alter table market.bars_imported
add column ends_at timestamptz,
add column made_of text,
add constraint bars_imported_day_ends_later check (
    ends_at is null or width = '1d'
),
add constraint bars_imported_made_of_narrower check (
    made_of is null
    or (width, made_of) in (
        ('1m', '1s'), ('5m', '1m'), ('1h', '5m'), ('1d', '1h')
    )
);

comment on table market.bars_imported is
    'Bars as a vendor made them, and wider ones made of these; bars_1s … '
    'bars_1d show them where no ticks cover the bar.';
comment on column market.bars_imported.file is
    'The file it came from; of a made bar that of its last narrower one.';
comment on column market.bars_imported.imported_at is
    'When it was imported, by the database''s clock; of a made bar when the '
    'newest of its narrower ones was.';
comment on column market.bars_imported.ends_at is
    'When a vendor''s day ended, where that is not the exchange''s end of it.';
comment on column market.bars_imported.made_of is
    'The width that Thor made it of; null in a bar that a file holds.';

-- A Databento day runs from midnight to midnight UTC.
update market.bars_imported as b
set
    ends_at = (
        (
            (b.bar_start at time zone 'America/Chicago') + interval '7 hours'
        )::date + 1 + time '00:00'
    ) at time zone 'UTC'
from market.bar_files as f
where f.file = b.file and f.format = 'dbn' and b.width = '1d';

-- What is imported already makes its wider bars, where no file has them. The
-- simulated past has its own.
insert into market.bars_imported (
    symbol, width, bar_start, open, high, low, close, volume, volume_buy,
    volume_sell, trades, open_interest, file, imported_at, made_of
)
select
    m.symbol, '1m', m.place, m.open, m.high, m.low, m.close, m.volume,
    m.volume_buy, m.volume_sell, m.trades, m.open_interest, m.file,
    m.imported_at, '1s'
from (
    select
        b.symbol,
        date_bin('1 minute', b.bar_start, timestamptz 'epoch') as place,
        (array_agg(b.open order by b.bar_start))[1] as open,
        max(b.high) as high,
        min(b.low) as low,
        (array_agg(b.close order by b.bar_start desc))[1] as close,
        case when count(b.volume) = count(*) then sum(b.volume)::bigint end
            as volume,
        case
            when count(b.volume_buy) = count(*)
                then sum(b.volume_buy)::bigint
        end as volume_buy,
        case
            when count(b.volume_sell) = count(*)
                then sum(b.volume_sell)::bigint
        end as volume_sell,
        case when count(b.trades) = count(*) then sum(b.trades)::bigint end
            as trades,
        (array_agg(b.open_interest order by b.bar_start desc)
            filter (where b.open_interest is not null))[1] as open_interest,
        (array_agg(b.file order by b.bar_start desc))[1] as file,
        max(b.imported_at) as imported_at
    from market.bars_imported as b
    inner join market.bar_files as f on f.file = b.file
    where b.width = '1s' and f.format <> 'simulated'
    group by b.symbol, place
) as m
on conflict (symbol, width, bar_start) do nothing;

insert into market.bars_imported (
    symbol, width, bar_start, open, high, low, close, volume, volume_buy,
    volume_sell, trades, open_interest, file, imported_at, made_of
)
select
    m.symbol, '5m', m.place, m.open, m.high, m.low, m.close, m.volume,
    m.volume_buy, m.volume_sell, m.trades, m.open_interest, m.file,
    m.imported_at, '1m'
from (
    select
        b.symbol,
        date_bin('5 minutes', b.bar_start, timestamptz 'epoch') as place,
        (array_agg(b.open order by b.bar_start))[1] as open,
        max(b.high) as high,
        min(b.low) as low,
        (array_agg(b.close order by b.bar_start desc))[1] as close,
        case when count(b.volume) = count(*) then sum(b.volume)::bigint end
            as volume,
        case
            when count(b.volume_buy) = count(*)
                then sum(b.volume_buy)::bigint
        end as volume_buy,
        case
            when count(b.volume_sell) = count(*)
                then sum(b.volume_sell)::bigint
        end as volume_sell,
        case when count(b.trades) = count(*) then sum(b.trades)::bigint end
            as trades,
        (array_agg(b.open_interest order by b.bar_start desc)
            filter (where b.open_interest is not null))[1] as open_interest,
        (array_agg(b.file order by b.bar_start desc))[1] as file,
        max(b.imported_at) as imported_at
    from market.bars_imported as b
    inner join market.bar_files as f on f.file = b.file
    where b.width = '1m' and f.format <> 'simulated'
    group by b.symbol, place
) as m
on conflict (symbol, width, bar_start) do nothing;

insert into market.bars_imported (
    symbol, width, bar_start, open, high, low, close, volume, volume_buy,
    volume_sell, trades, open_interest, file, imported_at, made_of
)
select
    m.symbol, '1h', m.place, m.open, m.high, m.low, m.close, m.volume,
    m.volume_buy, m.volume_sell, m.trades, m.open_interest, m.file,
    m.imported_at, '5m'
from (
    select
        b.symbol,
        date_bin('1 hour', b.bar_start, timestamptz 'epoch') as place,
        (array_agg(b.open order by b.bar_start))[1] as open,
        max(b.high) as high,
        min(b.low) as low,
        (array_agg(b.close order by b.bar_start desc))[1] as close,
        case when count(b.volume) = count(*) then sum(b.volume)::bigint end
            as volume,
        case
            when count(b.volume_buy) = count(*)
                then sum(b.volume_buy)::bigint
        end as volume_buy,
        case
            when count(b.volume_sell) = count(*)
                then sum(b.volume_sell)::bigint
        end as volume_sell,
        case when count(b.trades) = count(*) then sum(b.trades)::bigint end
            as trades,
        (array_agg(b.open_interest order by b.bar_start desc)
            filter (where b.open_interest is not null))[1] as open_interest,
        (array_agg(b.file order by b.bar_start desc))[1] as file,
        max(b.imported_at) as imported_at
    from market.bars_imported as b
    inner join market.bar_files as f on f.file = b.file
    where b.width = '5m' and f.format <> 'simulated'
    group by b.symbol, place
) as m
on conflict (symbol, width, bar_start) do nothing;

insert into market.bars_imported (
    symbol, width, bar_start, open, high, low, close, volume, volume_buy,
    volume_sell, trades, open_interest, file, imported_at, made_of
)
select
    m.symbol, '1d', m.place, m.open, m.high, m.low, m.close, m.volume,
    m.volume_buy, m.volume_sell, m.trades, m.open_interest, m.file,
    m.imported_at, '1h'
from (
    select
        b.symbol,
        (
            ((b.bar_start at time zone 'America/Chicago')
            + interval '7 hours')::date - 1 + time '17:00'
        ) at time zone 'America/Chicago' as place,
        (array_agg(b.open order by b.bar_start))[1] as open,
        max(b.high) as high,
        min(b.low) as low,
        (array_agg(b.close order by b.bar_start desc))[1] as close,
        case when count(b.volume) = count(*) then sum(b.volume)::bigint end
            as volume,
        case
            when count(b.volume_buy) = count(*)
                then sum(b.volume_buy)::bigint
        end as volume_buy,
        case
            when count(b.volume_sell) = count(*)
                then sum(b.volume_sell)::bigint
        end as volume_sell,
        case when count(b.trades) = count(*) then sum(b.trades)::bigint end
            as trades,
        (array_agg(b.open_interest order by b.bar_start desc)
            filter (where b.open_interest is not null))[1] as open_interest,
        (array_agg(b.file order by b.bar_start desc))[1] as file,
        max(b.imported_at) as imported_at
    from market.bars_imported as b
    inner join market.bar_files as f on f.file = b.file
    where b.width = '1h' and f.format <> 'simulated'
    group by b.symbol, place
) as m
on conflict (symbol, width, bar_start) do nothing;

-- Stage     40 bars
-- Writes a vendor's bars into market.bars_imported.

-- One import at a time: keys that one finds free, no other may take meanwhile.
-- Readers do not wait.
-- name: lock_bars_imported
lock table market.bars_imported in share row exclusive mode;

-- name: bar_file
select
    f.file,
    f.sha256,
    f.file_name,
    f.symbols,
    f.records,
    (
        select count(*)
        from market.bars_imported as b
        where b.file = f.file and b.made_of is null
    ) as bars
from market.bar_files as f
where f.file = %(file)s::text;

-- name: simulated_history
select exists (
    select
    from market.bar_files as f
    where f.vendor = %(source)s::text
) as is_there;

-- name: analyse_bars_imported
analyse market.bars_imported;

-- name: create_bar_stage
create temporary table bar_stage (
    place bigint, symbol text, width text, bar_start timestamptz,
    open numeric(18, 8), high numeric(18, 8), low numeric(18, 8),
    close numeric(18, 8), volume bigint, volume_buy bigint,
    volume_sell bigint, trades bigint, open_interest bigint,
    ends_at timestamptz, imported_at timestamptz
) on commit drop;

-- Where bars come or go, so that the wider ones are made anew.
-- name: create_bars_touched
create temporary table bars_touched (
    symbol text, width text, bar_start timestamptz
) on commit drop;

-- name: copy_bar_stage
copy pg_temp.bar_stage (
    place, symbol, width, bar_start, open, high, low, close, volume,
    volume_buy, volume_sell, trades, open_interest, ends_at,
    imported_at
) from stdin (format binary);

-- Keeps the first of several bars with one key.
-- name: remove_doubled_bars
with found as (
    select
        s.place,
        min(s.place) over (
            partition by s.symbol, s.width, s.bar_start
        ) as first_place
    from pg_temp.bar_stage as s
)

delete from pg_temp.bar_stage as s
using found as f
where s.place = f.place and f.place > f.first_place
returning s.place, s.symbol, s.width, s.bar_start, f.first_place;

-- name: overlapping_bars
select
    s.symbol,
    s.width,
    s.bar_start,
    b.file,
    f.file_name,
    count(*) over () as bars
from pg_temp.bar_stage as s
inner join market.bars_imported as b
    on
        b.symbol = s.symbol
        and b.width = s.width
        and b.bar_start = s.bar_start
inner join market.bar_files as f on f.file = b.file
where b.file <> %(file)s::text and b.made_of is null
order by s.bar_start, s.symbol, s.width
limit 1;

-- Bars that another file brought, or that were made, with the same values.
-- name: remove_standing_bars
delete from pg_temp.bar_stage as s
using market.bars_imported as b
where
    b.symbol = s.symbol
    and b.width = s.width
    and b.bar_start = s.bar_start
    and b.file <> %(file)s::text
    and (
        b.open, b.high, b.low, b.close, b.volume, b.volume_buy, b.volume_sell,
        b.trades, b.ends_at
    ) is not distinct from (
        s.open, s.high, s.low, s.close, s.volume, s.volume_buy, s.volume_sell,
        s.trades, s.ends_at
    );

-- name: bars_staged
select count(*) as bars
from pg_temp.bar_stage as s;

-- name: put_bar_file
insert into market.bar_files as f (
    file, sha256, file_name, format, vendor, records, symbols, widths,
    first_bar, last_bar
)
select
    %(file)s::text, %(sha256)s::text, %(file_name)s::text,
    %(format)s::text, %(vendor)s::text, %(records)s::bigint,
    array_agg(distinct s.symbol), array_agg(distinct s.width),
    min(s.bar_start), max(s.bar_start)
from pg_temp.bar_stage as s
on conflict (file) do update
    set
        symbols = excluded.symbols,
        widths = excluded.widths,
        first_bar = excluded.first_bar,
        last_bar = excluded.last_bar;

-- Bars stored under another symbol, before the file was imported again.
-- name: remove_left_bars
with removed as (
    delete from market.bars_imported as b
    where
        b.file = %(file)s::text
        and b.made_of is null
        and not exists (
            select
            from pg_temp.bar_stage as s
            where
                s.symbol = b.symbol
                and s.width = b.width
                and s.bar_start = b.bar_start
        )
    returning b.symbol, b.width, b.bar_start
)

insert into pg_temp.bars_touched (symbol, width, bar_start)
select r.symbol, r.width, r.bar_start
from removed as r
union all
select s.symbol, s.width, s.bar_start
from pg_temp.bar_stage as s;

-- Bars that are stored with the same values are left as they are.
-- name: merge_bar_stage
insert into market.bars_imported as b (
    width, symbol, bar_start, open, high, low, close, volume, volume_buy,
    volume_sell, trades, open_interest, ends_at, file, imported_at
)
select
    s.width, s.symbol, s.bar_start, s.open, s.high, s.low, s.close, s.volume,
    s.volume_buy, s.volume_sell, s.trades, s.open_interest, s.ends_at,
    %(file)s::text, coalesce(s.imported_at, now())
from pg_temp.bar_stage as s
order by s.symbol, s.width, s.bar_start
on conflict (symbol, width, bar_start) do update
    set
        open = excluded.open,
        high = excluded.high,
        low = excluded.low,
        close = excluded.close,
        volume = excluded.volume,
        volume_buy = excluded.volume_buy,
        volume_sell = excluded.volume_sell,
        trades = excluded.trades,
        open_interest = excluded.open_interest,
        ends_at = excluded.ends_at,
        made_of = null,
        file = excluded.file,
        imported_at = excluded.imported_at
    where b.file <> excluded.file or b.made_of is not null;

-- The hours of series, and the days that were made of some.
-- name: touch_days
insert into pg_temp.bars_touched (symbol, width, bar_start)
select b.symbol, b.width, b.bar_start
from market.bars_imported as b
where
    b.symbol = any(%(symbols)s::text[])
    and (b.width = '1h' or (b.width = '1d' and b.made_of is not null));

-- Which widths have narrower bars that came or went: the others are as they
-- were.
-- name: touched_widths
select distinct t.width
from pg_temp.bars_touched as t;

-- Bars of a width, made of the next narrower one where no file has them. What
-- one of the narrower ones does not know their sum does not know.
-- name: make_wider_bars
with touched as materialized (
    select
        t.symbol,
        t.width,
        t.bar_start,
        -- A stock's day is midnight to midnight in New York.
        case
            when
                %(width)s::text = '1d'
                and t.symbol
                = any((select reference.own_date_symbols())::text [])
                then interval '6 hours'
            else interval '0 hours'
        end as later
    from pg_temp.bars_touched as t
    where t.width = any(%(touched)s::text [])
),

places as materialized (
    select distinct
        t.symbol,
        t.later,
        market.bar_start_at(
            %(width)s::text,
            t.bar_start - case
                when t.width = %(width)s::text then interval '0 hours'
                else t.later
            end
        ) as bar_start
    from touched as t
),

made as materialized (
    select
        p.symbol,
        p.bar_start,
        n.*
    from places as p
    cross join lateral (
        select
            (array_agg(b.open order by b.bar_start))[1] as open,
            max(b.high) as high,
            min(b.low) as low,
            (array_agg(b.close order by b.bar_start desc))[1] as close,
            case
                when count(b.volume) = count(*) then sum(b.volume)::bigint
            end as volume,
            case
                when count(b.volume_buy) = count(*)
                    then sum(b.volume_buy)::bigint
            end as volume_buy,
            case
                when count(b.volume_sell) = count(*)
                    then sum(b.volume_sell)::bigint
            end as volume_sell,
            case
                when count(b.trades) = count(*) then sum(b.trades)::bigint
            end as trades,
            (array_agg(b.open_interest order by b.bar_start desc)
                filter (where b.open_interest is not null))[1]
                as open_interest,
            (array_agg(b.file order by b.bar_start desc))[1] as file,
            max(b.imported_at) as imported_at
        from market.bars_imported as b
        where
            b.symbol = p.symbol
            and b.width = %(narrower)s::text
            and b.bar_start >= p.bar_start + p.later
            and b.bar_start
            < market.bar_end_at(%(width)s::text, p.bar_start) + p.later
        having count(*) > 0
    ) as n
),

removed as (
    delete from market.bars_imported as b
    using places as p
    where
        b.symbol = p.symbol
        and b.width = %(width)s::text
        and b.bar_start = p.bar_start
        and b.made_of is not null
        and not exists (
            select from made as m
            where m.symbol = b.symbol and m.bar_start = b.bar_start
        )
)

insert into market.bars_imported as b (
    width, symbol, bar_start, open, high, low, close, volume, volume_buy,
    volume_sell, trades, open_interest, file, imported_at, made_of
)
select
    %(width)s::text, m.symbol, m.bar_start, m.open, m.high, m.low, m.close,
    m.volume, m.volume_buy, m.volume_sell, m.trades, m.open_interest, m.file,
    m.imported_at, %(narrower)s::text
from made as m
order by m.symbol, m.bar_start
on conflict (symbol, width, bar_start) do update
    set
        open = excluded.open,
        high = excluded.high,
        low = excluded.low,
        close = excluded.close,
        volume = excluded.volume,
        volume_buy = excluded.volume_buy,
        volume_sell = excluded.volume_sell,
        trades = excluded.trades,
        open_interest = excluded.open_interest,
        file = excluded.file,
        imported_at = excluded.imported_at
    where b.made_of is not null;

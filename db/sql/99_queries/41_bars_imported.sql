-- Stage     40 bars
-- Takes a vendor's bars into market.bars_imported.

-- One import at a time: what one finds free, no other may take meanwhile.
-- Readers are not kept waiting.
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
        where b.file = f.file
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
    volume_sell bigint, trades bigint, open_interest bigint
) on commit drop;

-- name: copy_bar_stage
copy pg_temp.bar_stage (
    place, symbol, width, bar_start, open, high, low, close, volume,
    volume_buy, volume_sell, trades, open_interest
) from stdin (format binary);

-- Leaves the first of the bars that claim one place.
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
where b.file <> %(file)s::text
order by s.bar_start, s.symbol, s.width
limit 1;

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

-- Bars that stood under another symbol, before the file was filed anew.
-- name: remove_left_bars
delete from market.bars_imported as b
where
    b.file = %(file)s::text
    and not exists (
        select
        from pg_temp.bar_stage as s
        where
            s.symbol = b.symbol
            and s.width = b.width
            and s.bar_start = b.bar_start
    );

-- What stands already as this file said it is left as it is.
-- name: merge_bar_stage
insert into market.bars_imported as b (
    width, symbol, bar_start, open, high, low, close, volume, volume_buy,
    volume_sell, trades, open_interest, file
)
select
    s.width, s.symbol, s.bar_start, s.open, s.high, s.low, s.close, s.volume,
    s.volume_buy, s.volume_sell, s.trades, s.open_interest, %(file)s::text
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
        file = excluded.file,
        imported_at = excluded.imported_at
    where b.file <> excluded.file;

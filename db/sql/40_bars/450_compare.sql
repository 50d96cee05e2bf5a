-- Stage     40 bars
-- Makes     market.bars_compared(text, text, timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a field of an imported bar with a computed one beside it
-- Known at  known_at of the computed bar
-- Reads     market.bars_imported, market.bar_files, market._bars_1s,
--           market._bars_1m, market._bars_5m, market._bars_1h,
--           market._bars_1d, market.bars_1s, market.bars_1m, market.bars_5m,
--           market.bars_1h, market.bars_1d,
--           reference.range_from(timestamptz, timestamptz),
--           reference.listed(text)
-- Nulls     imported where the file did not say; computed where there was no
--           trade or no trade has a size; is_equal where that leaves nothing
--           to compare
-- Why       The views show one bar where both are: here a vendor is held
--           against the ticks, value for value, those too that cover a part of
--           the bar only. A width that no file brought is not looked at.

create function market.bars_compared(
    of_width text,
    of_symbol text,
    ts_from timestamptz,
    ts_to timestamptz
)
returns table (
    width text,
    symbol text,
    bar_start timestamptz,
    field text,
    imported numeric,
    computed numeric,
    is_equal boolean,
    is_partial boolean,
    file text
)
language sql stable parallel safe
begin atomic
    select
        i.width,
        i.symbol,
        i.bar_start,
        f.field,
        f.imported,
        f.computed,
        -- A bar of quotes alone contradicts the vendor's prices; trades without
        -- sizes contradict no volume.
        case
            when f.computed is not null then f.imported = f.computed
            when f.is_price and f.imported is not null then false
        end,
        c.is_partial,
        i.file
    from market.bars_imported as i
    inner join (
        select
            '1s' as width, b.symbol, b.bar_start, b.open, b.high, b.low,
            b.close, b.volume, b.trades, v.is_imported as is_partial
        from market._bars_1s as b
        inner join market.bars_1s as v
            on v.symbol = b.symbol and v.bar_start = b.bar_start
        where
            coalesce(of_width, '1s') = '1s'
            and exists (
                select 1 from market.bar_files as f where '1s' = any (f.widths)
            )
            and b.symbol = coalesce(upper(of_symbol), b.symbol)
            and b.bar_start >= coalesce(ts_from, '-infinity')
            and b.bar_start < coalesce(ts_to, 'infinity')
            and v.bar_start >= coalesce(ts_from, '-infinity')
            and v.bar_start < coalesce(ts_to, 'infinity')
        union all
        select
            '1m' as width, b.symbol, b.bar_start, b.open, b.high, b.low,
            b.close, b.volume, b.trades, v.is_imported as is_partial
        from market._bars_1m as b
        inner join market.bars_1m as v
            on v.symbol = b.symbol and v.bar_start = b.bar_start
        where
            coalesce(of_width, '1m') = '1m'
            and exists (
                select 1 from market.bar_files as f where '1m' = any (f.widths)
            )
            and b.symbol = coalesce(upper(of_symbol), b.symbol)
            and b.bar_start >= coalesce(ts_from, '-infinity')
            and b.bar_start < coalesce(ts_to, 'infinity')
            and v.bar_start >= coalesce(ts_from, '-infinity')
            and v.bar_start < coalesce(ts_to, 'infinity')
        union all
        select
            '5m' as width, b.symbol, b.bar_start, b.open, b.high, b.low,
            b.close, b.volume, b.trades, v.is_imported as is_partial
        from market._bars_5m as b
        inner join market.bars_5m as v
            on v.symbol = b.symbol and v.bar_start = b.bar_start
        where
            coalesce(of_width, '5m') = '5m'
            and exists (
                select 1 from market.bar_files as f where '5m' = any (f.widths)
            )
            and b.symbol = coalesce(upper(of_symbol), b.symbol)
            and b.bar_start >= coalesce(ts_from, '-infinity')
            and b.bar_start < coalesce(ts_to, 'infinity')
            and v.bar_start >= coalesce(ts_from, '-infinity')
            and v.bar_start < coalesce(ts_to, 'infinity')
        union all
        select
            '1h' as width, b.symbol, b.bar_start, b.open, b.high, b.low,
            b.close, b.volume, b.trades, v.is_imported as is_partial
        from market._bars_1h as b
        inner join market.bars_1h as v
            on v.symbol = b.symbol and v.bar_start = b.bar_start
        where
            coalesce(of_width, '1h') = '1h'
            and exists (
                select 1 from market.bar_files as f where '1h' = any (f.widths)
            )
            and b.symbol = coalesce(upper(of_symbol), b.symbol)
            and b.bar_start >= coalesce(ts_from, '-infinity')
            and b.bar_start < coalesce(ts_to, 'infinity')
            and v.bar_start >= coalesce(ts_from, '-infinity')
            and v.bar_start < coalesce(ts_to, 'infinity')
        union all
        select
            '1d' as width, b.symbol, b.bar_start, b.open, b.high, b.low,
            b.close, b.volume, b.trades, v.is_imported as is_partial
        from market._bars_1d as b
        inner join market.bars_1d as v
            on v.symbol = b.symbol and v.bar_start = b.bar_start
        where
            coalesce(of_width, '1d') = '1d'
            and exists (
                select 1 from market.bar_files as f where '1d' = any (f.widths)
            )
            and b.symbol = coalesce(upper(of_symbol), b.symbol)
            and b.bar_start >= coalesce(ts_from, '-infinity')
            and b.bar_start < coalesce(ts_to, 'infinity')
            and v.bar_start >= coalesce(ts_from, '-infinity')
            and v.bar_start < coalesce(ts_to, 'infinity')
    ) as c
        on
            c.symbol = i.symbol
            and c.width = i.width
            and c.bar_start = i.bar_start
    cross join lateral (
        values
        ('open', true, i.open, c.open),
        ('high', true, i.high, c.high),
        ('low', true, i.low, c.low),
        ('close', true, i.close, c.close),
        (
            'volume', false, i.volume,
            case when c.trades = 0 then 0 else c.volume end
        ),
        ('trades', false, i.trades, c.trades)
    ) as f (field, is_price, imported, computed)
    where
        i.made_of is null
        and i.width = coalesce(of_width, i.width)
        and i.symbol = coalesce(upper(of_symbol), i.symbol)
        and (of_symbol is null or reference.listed(of_symbol) is not null)
        and reference.range_from(ts_from, ts_to) is not null
        and i.bar_start >= reference.range_from(ts_from, ts_to)
        and i.bar_start < coalesce(ts_to, 'infinity');
end;

comment on function market.bars_compared(
    text, text, timestamptz, timestamptz
) is
    'Where an imported and a computed bar have one symbol, width and start: '
    'open, high, low, close, volume and trades of both, for ts_from <= '
    'bar_start < ts_to; nulls ask for every width, symbol and time. The '
    'computed one is_partial where its ticks do not cover it, and the '
    'imported one stands.';

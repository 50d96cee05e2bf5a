-- Stage     40 bars
-- Makes     market.bars_between(text, text, timestamptz, timestamptz, integer)
-- Kind      function
-- Grain     one row a bar
-- Known at  known_at
-- Reads     market.bars_1s, market.bars_1m, market.bars_5m, market.bars_1h,
--           market.bars_1d, market._bars_1s, market._bars_1m, market._bars_5m,
--           market._bars_1h, market.bars_imported,
--           reference.range_from(timestamptz, timestamptz),
--           reference.listed(text)
-- Nulls     as the views
-- Why       The newest bars of one symbol and width, in order, without reading
--           an open range whole: no bar that is asked for begins before so many
--           computed ones, or so many imported. A body of statements, not one:
--           planning five widths takes longer than reading one.

create function market.bars_between(
    of_width text,
    of_symbol text,
    ts_from timestamptz,
    ts_to timestamptz,
    rows_max integer
)
returns setof market.bars_1m
language plpgsql stable parallel safe as $$
declare
    first timestamptz;
    imported timestamptz;
    rows_before constant integer
        := greatest(coalesce(rows_max, 2147483647), 1) - 1;
begin
    of_symbol := reference.listed(of_symbol);
    first := reference.range_from(ts_from, ts_to);
    select i.bar_start into imported
    from market.bars_imported as i
    where
        i.symbol = of_symbol
        and i.width = of_width
        and i.bar_start >= first
        and i.bar_start < coalesce(ts_to, 'infinity')
    order by i.bar_start desc
    offset rows_before
    limit 1;
    if of_width = '1s' then
        first := greatest(
            first,
            (
                select b.bar_start
                from market._bars_1s as b
                where
                    b.symbol = of_symbol
                    and b.bar_start >= first
                    and b.bar_start < coalesce(ts_to, 'infinity')
                order by b.bar_start desc
                offset rows_before
                limit 1
            ),
            imported
        );
        return query select n.* from (
            select b.*
            from market.bars_1s as b
            where
                b.symbol = of_symbol
                and b.bar_start >= first
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        ) as n
        order by n.bar_start;
    elsif of_width = '1m' then
        first := greatest(
            first,
            (
                select b.bar_start
                from market._bars_1m as b
                where
                    b.symbol = of_symbol
                    and b.bar_start >= first
                    and b.bar_start < coalesce(ts_to, 'infinity')
                order by b.bar_start desc
                offset rows_before
                limit 1
            ),
            imported
        );
        return query select n.* from (
            select b.*
            from market.bars_1m as b
            where
                b.symbol = of_symbol
                and b.bar_start >= first
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        ) as n
        order by n.bar_start;
    elsif of_width = '5m' then
        first := greatest(
            first,
            (
                select b.bar_start
                from market._bars_5m as b
                where
                    b.symbol = of_symbol
                    and b.bar_start >= first
                    and b.bar_start < coalesce(ts_to, 'infinity')
                order by b.bar_start desc
                offset rows_before
                limit 1
            ),
            imported
        );
        return query select n.* from (
            select b.*
            from market.bars_5m as b
            where
                b.symbol = of_symbol
                and b.bar_start >= first
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        ) as n
        order by n.bar_start;
    elsif of_width = '1h' then
        first := greatest(
            first,
            (
                select b.bar_start
                from market._bars_1h as b
                where
                    b.symbol = of_symbol
                    and b.bar_start >= first
                    and b.bar_start < coalesce(ts_to, 'infinity')
                order by b.bar_start desc
                offset rows_before
                limit 1
            ),
            imported
        );
        return query select n.* from (
            select b.*
            from market.bars_1h as b
            where
                b.symbol = of_symbol
                and b.bar_start >= first
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        ) as n
        order by n.bar_start;
    elsif of_width = '1d' then
        return query select n.* from (
            select b.*
            from market.bars_1d as b
            where
                b.symbol = of_symbol
                and b.bar_start >= first
                and b.bar_start < coalesce(ts_to, 'infinity')
            order by b.bar_start desc
            limit rows_max
        ) as n
        order by n.bar_start;
    else
        raise exception 'width: %: take 1s, 1m, 5m, 1h or 1d', of_width
        using errcode = 'invalid_parameter_value';
    end if;
end $$;

comment on function market.bars_between(
    text, text, timestamptz, timestamptz, integer
) is
    'The newest rows_max bars of a symbol and width (1s, 1m, 5m, 1h, 1d) with '
    'ts_from <= bar_start < ts_to, oldest first; a null bound is open, and '
    'from after to or another width is refused.';

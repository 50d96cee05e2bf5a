-- Stage     50 features
-- Makes     feat._starts(text, text[], timestamptz, integer, interval)
-- Kind      function
-- Grain     one row for symbols whose bars are read from the same moment on
-- Known at  –
-- Reads     reference.series, market.bars_imported, market.bars_1m,
--           market.bars_5m, market.bars_1h, market._bars_1m, market._bars_5m,
--           market._bars_1h
-- Nulls     never
-- Why       Where to begin so that enough bars lie before a range. A view over
--           aggregates has no index to walk back along, so ever longer
--           stretches are counted, of all symbols at once. A body of
--           statements: only the width that is asked for is planned. Nothing
--           loops: whether an imported bar was computed would be asked bar by
--           bar, and each asking may add up ticks.

create function feat._starts(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    bars_back integer,
    time_back interval,
    out symbols text[],
    out start_at timestamptz
)
returns setof record
language plpgsql stable parallel safe rows 1
set enable_nestloop = off as $$
declare
    pending text[] := coalesce(
        of_symbols, array(select s.symbol from reference.series as s)
    );
    -- A tenth more than the bars alone take: the exchange's daily break.
    span interval := bars_back * 1.1::float8 * case of_width
        when '1m' then interval '1 minute'
        when '5m' then interval '5 minutes'
        when '1h' then interval '1 hour'
    end;
    ready text[];
    older text[];
    one text;
begin
    if span is null then
        raise exception 'width: %: take 1m, 5m or 1h', of_width;
    end if;
    while cardinality(pending) > 0 loop
        start_at := ts_from - greatest(span, time_back);
        ready := pending;
        older := '{}';
        if bars_back > 0 and of_width = '1m' then
            ready := array(
                select m.symbol
                from market.bars_1m as m
                where
                    m.symbol = any(pending)
                    and m.bar_start >= start_at
                    and m.bar_start < ts_from
                    and m.close is not null
                group by m.symbol
                having count(*) >= bars_back
            );
        elsif bars_back > 0 and of_width = '5m' then
            ready := array(
                select m.symbol
                from market.bars_5m as m
                where
                    m.symbol = any(pending)
                    and m.bar_start >= start_at
                    and m.bar_start < ts_from
                    and m.close is not null
                group by m.symbol
                having count(*) >= bars_back
            );
        elsif bars_back > 0 then
            ready := array(
                select m.symbol
                from market.bars_1h as m
                where
                    m.symbol = any(pending)
                    and m.bar_start >= start_at
                    and m.bar_start < ts_from
                    and m.close is not null
                group by m.symbol
                having count(*) >= bars_back
            );
        end if;
        foreach one in array pending loop
            -- Not as a part of the question: to open the tables costs most.
            continue when one = any(ready);
            if (
                exists (
                    select 1 from market.bars_imported as i
                    where
                        i.symbol = one
                        and i.width = of_width
                        and i.bar_start < start_at
                )
                or case of_width
                    when '1m' then exists (
                        select 1 from market._bars_1m as b
                        where b.symbol = one and b.bar_start < start_at
                    )
                    when '5m' then exists (
                        select 1 from market._bars_5m as b
                        where b.symbol = one and b.bar_start < start_at
                    )
                    else exists (
                        select 1 from market._bars_1h as b
                        where b.symbol = one and b.bar_start < start_at
                    )
                end
            ) then
                older := older || one;
            end if;
        end loop;
        symbols := array(
            select p.symbol from unnest(pending) as p (symbol)
            where p.symbol <> all(older)
        );
        if cardinality(symbols) > 0 then
            return next;
        end if;
        pending := older;
        span := span * 2;
    end loop;
end $$;

comment on function feat._starts(
    text, text[], timestamptz, integer, interval
) is
    'From where to read the bars of symbols (null: of all that are listed) so '
    'that time_back and at least bars_back bars with a trade lie before '
    'ts_from, or all there are.';

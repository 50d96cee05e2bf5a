-- Stage     50 features
-- Makes     feat._symbols(text[]),
--           feat._asked(text, text[], timestamptz, timestamptz),
--           feat._segments(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Kind      function
-- Grain     one row for symbols whose bars are read over the same time
-- Known at  –
-- Reads     feat.length(text), feat.trade_dates_between(date, date),
--           reference.series, market.bars_imported, market.bars_1m,
--           market.bars_5m, market.bars_1h, market._bars_1m, market._bars_5m,
--           market._bars_1h
-- Nulls     never
-- Why       Find where to begin so that enough bars lie before a range, and
--           where bars are missing for so long that look-backs restart. A view
--           over aggregates has no index to walk back along, so the bars of
--           ever longer stretches are counted, of all symbols at once. PL/pgSQL
--           plans only the branch of the width asked for. Nested loops are off:
--           they would look up for each imported bar whether ticks made one
--           too.

create function feat._symbols(of_symbols text[]) returns text[]
language plpgsql stable parallel safe as $$
declare
    named text[] := upper(of_symbols::text)::text[];
    unlisted text;
begin
    if named is null then
        return array(select s.symbol from reference.series as s);
    end if;
    select string_agg(u.symbol, ', ') into unlisted
    from unnest(named) as u (symbol)
    where not exists (
        select 1 from reference.series as s where s.symbol = u.symbol
    );
    if unlisted is not null then
        raise exception 'symbols: %: not listed', unlisted
        using
            errcode = 'invalid_parameter_value',
            hint = 'reference.series lists the symbols that have bars.';
    end if;
    return named;
end $$;

comment on function feat._symbols(text[]) is
    'The symbols of a call in capitals; of null all that are listed. Refuses '
    'one that is not listed, by name.';

create function feat._asked(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns text[]
language plpgsql stable parallel safe as $$
begin
    if feat.length(of_width) is null then
        raise exception 'width: %: take 1m, 5m or 1h', of_width
        using errcode = 'invalid_parameter_value';
    end if;
    if ts_from > ts_to then
        raise exception 'from: % is after to: %', ts_from, ts_to
        using errcode = 'invalid_parameter_value';
    end if;
    return feat._symbols(of_symbols);
end $$;

comment on function feat._asked(text, text[], timestamptz, timestamptz) is
    'The symbols of a call, as in feat._symbols. Refuses an unknown width, and '
    'a range that ends before it begins.';

create function feat._segments(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    bars_back integer,
    time_back interval,
    out symbols text[],
    out run integer,
    out start_at timestamptz,
    out end_at timestamptz
)
returns setof record
language plpgsql stable parallel safe rows 1
set enable_nestloop = off as $$
declare
    pending text[] := feat._asked(of_width, of_symbols, ts_from, ts_to);
    first constant timestamptz := least(
        greatest(ts_from, '1900-01-01Z'), '2200-01-01Z'
    );
    last constant timestamptz := least(ts_to, '2200-01-01Z');
    -- Without a bar in so many days look-backs restart: they hold more than 10
    -- trade dates. An open search would look into every chunk there is.
    reach constant interval := interval '21 days';
    -- A tenth more than the bars alone take: the exchange's daily break.
    span interval := bars_back * 1.1::float8 * feat.length(of_width);
    ready text[];
    older text[];
    found text[];
    one record;
    read_at timestamptz;
    of_days text[];
    dates date[];
    starts timestamptz[];
begin
    while cardinality(pending) > 0 loop
        read_at := first - greatest(span, time_back);
        ready := pending;
        older := '{}';
        if bars_back > 0 and of_width = '1m' then
            ready := array(
                select m.symbol
                from market.bars_1m as m
                where
                    m.symbol = any(pending)
                    and m.bar_start >= read_at
                    and m.bar_start < first
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
                    and m.bar_start >= read_at
                    and m.bar_start < first
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
                    and m.bar_start >= read_at
                    and m.bar_start < first
                    and m.close is not null
                group by m.symbol
                having count(*) >= bars_back
            );
        end if;
        for one in select u.symbol from unnest(pending) as u (symbol)
        loop
            -- Not as a part of the query: to open the tables costs most.
            continue when one.symbol = any(ready);
            if (
                exists (
                    select 1 from market.bars_imported as i
                    where
                        i.symbol = one.symbol
                        and i.width = of_width
                        and i.bar_start < read_at
                        and i.bar_start >= read_at - reach
                )
                or case of_width
                    when '1m' then exists (
                        select 1 from market._bars_1m as b
                        where
                            b.symbol = one.symbol
                            and b.bar_start < read_at
                            and b.bar_start >= read_at - reach
                    )
                    when '5m' then exists (
                        select 1 from market._bars_5m as b
                        where
                            b.symbol = one.symbol
                            and b.bar_start < read_at
                            and b.bar_start >= read_at - reach
                    )
                    else exists (
                        select 1 from market._bars_1h as b
                        where
                            b.symbol = one.symbol
                            and b.bar_start < read_at
                            and b.bar_start >= read_at - reach
                    )
                end
            ) then
                older := older || one.symbol;
            end if;
        end loop;
        found := array(
            select p.symbol from unnest(pending) as p (symbol)
            where p.symbol <> all(older)
        );
        -- Ten trade dates between two bars take fifteen days.
        if bars_back > 0 and last - read_at > interval '15 days' then
            if of_width = '1m' then
                select
                    array_agg(d.symbol),
                    array_agg(d.trade_date),
                    array_agg(d.bar_start)
                into of_days, dates, starts
                from (
                    select
                        m.symbol,
                        m.trade_date,
                        min(m.bar_start) as bar_start
                    from market.bars_1m as m
                    where
                        m.symbol = any(found)
                        and m.bar_start >= read_at
                        and m.bar_start < last
                        and m.close is not null
                    group by m.symbol, m.trade_date
                ) as d;
            elsif of_width = '5m' then
                select
                    array_agg(d.symbol),
                    array_agg(d.trade_date),
                    array_agg(d.bar_start)
                into of_days, dates, starts
                from (
                    select
                        m.symbol,
                        m.trade_date,
                        min(m.bar_start) as bar_start
                    from market.bars_5m as m
                    where
                        m.symbol = any(found)
                        and m.bar_start >= read_at
                        and m.bar_start < last
                        and m.close is not null
                    group by m.symbol, m.trade_date
                ) as d;
            else
                select
                    array_agg(d.symbol),
                    array_agg(d.trade_date),
                    array_agg(d.bar_start)
                into of_days, dates, starts
                from (
                    select
                        m.symbol,
                        m.trade_date,
                        min(m.bar_start) as bar_start
                    from market.bars_1h as m
                    where
                        m.symbol = any(found)
                        and m.bar_start >= read_at
                        and m.bar_start < last
                        and m.close is not null
                    group by m.symbol, m.trade_date
                ) as d;
            end if;
            for one in
                with days as (
                    select u.*
                    from unnest(of_days, dates, starts)
                        as u (symbol, trade_date, bar_start)
                ),

                ends as (
                    select
                        d.symbol,
                        d.bar_start,
                        feat.trade_dates_between(
                            lag(d.trade_date) over w, d.trade_date
                        ) > 10 as is_after_hole
                    from days as d
                    window w as (partition by d.symbol order by d.trade_date)
                ),

                runs as (
                    select
                        e.symbol,
                        e.bar_start as starts_at,
                        row_number() over w as number,
                        lead(e.bar_start, 1, last) over w as ends_at
                    from ends as e
                    where e.is_after_hole
                    window w as (partition by e.symbol order by e.bar_start)
                )

                select
                    r.symbol,
                    r.number,
                    r.starts_at,
                    r.ends_at
                from runs as r
                union all
                select
                    r.symbol,
                    0,
                    read_at,
                    r.starts_at
                from runs as r
                where r.number = 1
            loop
                found := array_remove(found, one.symbol);
                -- Bars that no look-back reaches are not read.
                if one.ends_at > first - time_back then
                    symbols := array[one.symbol];
                    run := one.number;
                    start_at := one.starts_at;
                    end_at := one.ends_at;
                    return next;
                end if;
            end loop;
        end if;
        if cardinality(found) > 0 then
            symbols := found;
            run := 0;
            start_at := read_at;
            end_at := last;
            return next;
        end if;
        pending := older;
        span := span * 2;
    end loop;
end $$;

comment on function feat._segments(
    text, text[], timestamptz, timestamptz, integer, interval
) is
    'What to read of the bars of symbols (null: of all that are listed) so '
    'that all before ts_to are there, and before ts_from time_back and at '
    'least bars_back bars with a trade, or all that no hole of 21 days parts '
    'from it, where look-backs restart anyway. run counts the holes '
    'of more than 10 trade dates before a stretch. A null bound is open; '
    'ts_from after ts_to is refused.';

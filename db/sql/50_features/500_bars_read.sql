-- Room      50 features
-- Makes     feat._bars(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     reference.series, market.bars_1m, market.bars_5m, market.bars_1h
-- Nulls     as the views
-- Why       The bars of a range and, of each symbol, what it takes before the
--           range, no more: that is each engine's own. A body of statements,
--           so that only the width that is asked for is planned, and symbol
--           by symbol, or the planner joins the whole past to the symbols. A
--           bucket before or after infinity is no instant to TimescaleDB.

create function feat._bars(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    bars_back integer,
    time_back interval
)
returns setof market.bars_1m
language plpgsql stable parallel safe rows 5000 as $$
declare
    first timestamptz := greatest(ts_from, '1900-01-01Z');
    last timestamptz := least(ts_to, '2200-01-01Z');
    reach timestamptz;
    one text;
begin
    foreach one in array coalesce(
        of_symbols, array(select s.symbol from reference.series as s)
    ) loop
        if of_width = '1m' then
            select min(p.bar_start) into reach
            from (
                select m.bar_start
                from market.bars_1m as m
                where
                    m.symbol = one
                    and m.bar_start < first
                    and m.close is not null
                order by m.bar_start desc
                limit bars_back
            ) as p;
            return query
            select m.*
            from market.bars_1m as m
            where
                m.symbol = one
                and m.bar_start >= least(reach, first - time_back)
                and m.bar_start < last
                and m.close is not null;
        elsif of_width = '5m' then
            select min(p.bar_start) into reach
            from (
                select m.bar_start
                from market.bars_5m as m
                where
                    m.symbol = one
                    and m.bar_start < first
                    and m.close is not null
                order by m.bar_start desc
                limit bars_back
            ) as p;
            return query
            select m.*
            from market.bars_5m as m
            where
                m.symbol = one
                and m.bar_start >= least(reach, first - time_back)
                and m.bar_start < last
                and m.close is not null;
        elsif of_width = '1h' then
            select min(p.bar_start) into reach
            from (
                select m.bar_start
                from market.bars_1h as m
                where
                    m.symbol = one
                    and m.bar_start < first
                    and m.close is not null
                order by m.bar_start desc
                limit bars_back
            ) as p;
            return query
            select m.*
            from market.bars_1h as m
            where
                m.symbol = one
                and m.bar_start >= least(reach, first - time_back)
                and m.bar_start < last
                and m.close is not null;
        else
            raise exception 'width: %: take 1m, 5m or 1h', of_width;
        end if;
    end loop;
end $$;

comment on function feat._bars(
    text, text[], timestamptz, timestamptz, integer, interval
) is
    'The bars that feat.bars tells of, as the views have them.';

-- Stage     50 features
-- Makes     feat._prior_sessions(text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a (symbol, trade date) whose session before has bars
-- Known at  known_at, where its last bar is known
-- Reads     feat._symbols(text[]), reference.trade_date(timestamptz),
--           reference.series, reference.instruments, reference.sessions,
--           market.bars_1m, market.bars_5m, market.bars_1h, market.bars_1d
-- Nulls     never
-- Why       The session before has the next lower session number. Its bars are
--           read at the finest width that has any: a wider one is read only for
--           the symbols that lack a finer. Holidays leave holes in the numbers;
--           over more than 10 trade dates there is no session before.

create function feat._prior_sessions(
    of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    trade_date date,
    known_at timestamptz,
    high float8,
    low float8,
    close float8
)
language plpgsql stable parallel safe rows 100
set enable_nestloop = off as $$
declare
    asked text[] := feat._symbols(of_symbols);
    -- In the evening a stock's trade date is the one before.
    first constant date := reference.trade_date(
        least(greatest(ts_from, '1900-01-01Z'), '2200-01-01Z')
        - interval '6 hours'
    );
    last constant date := reference.trade_date(
        greatest(least(ts_to, '2200-01-01Z'), '1900-01-01Z')
    );
    calendars constant text[] := array(
        select distinct i.calendar
        from reference.series as r
        inner join reference.instruments as i on i.symbol = r.root
        where r.symbol = any(asked)
    );
    symbols text[];
    dates date[];
    prior_dates date[];
    opens timestamptz[];
    closes timestamptz[];
    found_symbols text[];
    found_dates date[];
    known_ats timestamptz[];
    highs float8[];
    lows float8[];
    last_closes float8[];
    relation regtype;
begin
    select
        array_agg(r.symbol),
        array_agg(p.trade_date),
        array_agg(p.prior_date),
        array_agg(p.open_at),
        array_agg(p.close_at)
    into symbols, dates, prior_dates, opens, closes
    from reference.series as r
    inner join reference.instruments as i on i.symbol = r.root
    inner join (
        select
            s.calendar,
            s.trade_date,
            s.session_number - lag(s.session_number) over w as numbers,
            lag(s.trade_date) over w as prior_date,
            lag(s.open_at) over w as open_at,
            lag(s.close_at) over w as close_at
        from reference.sessions as s
        where
            s.calendar = any(calendars)
            and s.trade_date between first - 20 and last
        window w as (partition by s.calendar order by s.session_number)
    ) as p on p.calendar = i.calendar
    where
        r.symbol = any(asked)
        and p.trade_date between first and last
        and p.numbers <= 11;
    foreach relation in array array[
        pg_typeof(null::market.bars_1m),
        pg_typeof(null::market.bars_5m),
        pg_typeof(null::market.bars_1h),
        pg_typeof(null::market.bars_1d)
    ]
    loop
        exit when cardinality(symbols) is null;
        execute format(
            $query$
            select
                array_agg(b.symbol),
                array_agg(b.trade_date),
                array_agg(b.known_at),
                array_agg(b.high),
                array_agg(b.low),
                array_agg(b.close)
            from (
                select
                    m.symbol,
                    w.trade_date,
                    max(m.known_at) as known_at,
                    max(m.high)::float8 as high,
                    min(m.low)::float8 as low,
                    (array_agg(m.close order by m.bar_start desc))[1]::float8
                        as close
                from unnest($1, $2, $3, $4, $5)
                    as w (symbol, trade_date, prior_date, open_at, close_at)
                inner join %s as m
                    on m.symbol = w.symbol and m.trade_date = w.prior_date
                where
                    m.symbol = any($1)
                    and m.bar_start >= $6
                    and m.bar_start < $7
                    and m.close is not null
                    and (
                        $8
                        or (m.bar_start < w.close_at and m.bar_end > w.open_at)
                    )
                group by m.symbol, w.trade_date
            ) as b
            $query$,
            relation
        )
        into
            found_symbols, found_dates, known_ats, highs, lows, last_closes
        using
            symbols,
            dates,
            prior_dates,
            opens,
            closes,
            (
                select min(d.day) - 1 + time '17:00'
                from unnest(prior_dates) as d (day)
            ) at time zone 'America/Chicago',
            (
                select max(d.day) + time '23:00'
                from unnest(prior_dates) as d (day)
            ) at time zone 'America/Chicago',
            relation = pg_typeof(null::market.bars_1d);
        return query
        select u.*
        from unnest(
            found_symbols, found_dates, known_ats, highs, lows, last_closes
        ) as u;
        select
            array_agg(w.symbol),
            array_agg(w.trade_date),
            array_agg(w.prior_date),
            array_agg(w.open_at),
            array_agg(w.close_at)
        into symbols, dates, prior_dates, opens, closes
        from unnest(symbols, dates, prior_dates, opens, closes)
            as w (symbol, trade_date, prior_date, open_at, close_at)
        where not exists (
            select 1
            from unnest(found_symbols, found_dates) as f (symbol, trade_date)
            where f.symbol = w.symbol and f.trade_date = w.trade_date
        );
    end loop;
end $$;

comment on function feat._prior_sessions(
    text[], timestamptz, timestamptz
) is
    'High, low and last close of the session before each trade date that a '
    'range meets, of symbols (null: all that are listed).';

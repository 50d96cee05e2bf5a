-- Room      50 features
-- Makes     feat.volume(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     where no volume is told
-- Why       How much traded, and on which side of it the price is. Running sums
--           begin with the session.

create function feat.volume(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    volume_session float8,
    volume_ratio_20 float8,
    vwap_session float8,
    vwap_distance float8,
    obv_session float8,
    obv_share_session float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            (b.high + b.low + b.close) / 3 as typical,
            sign(b.close - lag(b.close) over (
                partition by b.symbol, b.trade_date order by b.bar_start
            )) as direction
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 20, interval '25 hours'
        ) as b
    ),

    sums as (
        select
            b.*,
            sum(b.volume) over session as volume_session,
            sum(b.typical * b.volume) over session as notional,
            sum(b.direction * b.volume) over session as obv,
            avg(b.volume) over twenty as volume_mean
        from bars as b
        window
            session as (
                partition by b.symbol, b.trade_date order by b.bar_start
                rows between unbounded preceding and current row
            ),
            twenty as (
                partition by b.symbol order by b.bar_start
                rows between 20 preceding and 1 preceding
            )
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        s.volume_session,
        case when s.number > 20
            then s.volume / nullif(s.volume_mean, 0) end as volume_ratio_20,
        s.notional / nullif(s.volume_session, 0) as vwap_session,
        s.close * s.volume_session / nullif(s.notional, 0) - 1
            as vwap_distance,
        case when s.volume_session is not null
            then coalesce(s.obv, 0) end as obv_session,
        coalesce(s.obv, 0) / nullif(s.volume_session, 0) as obv_share_session
    from sums as s
    where s.place >= 0;
end;

comment on function feat.volume(text, text[], timestamptz, timestamptz) is
    'What traded in the bars with ts_from <= bar_start < ts_to.';

-- Stage     50 features
-- Makes     feat.session(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval), feat.lower_bound(timestamptz),
--           feat.since_open(timestamptz)
-- Nulls     without volumes; ratios and logarithms of prices not above 0
-- Why       What the session has done so far. Running sums start with the
--           session, so nothing before its open is read.

create function feat.session(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    return_session float8,
    drawdown_session float8,
    realised_session float8,
    volume_session float8,
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
            coalesce(b.vwap, (b.high + b.low + b.close) / 3) as price,
            lag(b.close) over (
                partition by b.symbol, b.trade_date order by b.bar_start
            ) as close_1
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 0, feat.since_open(ts_from)
        ) as b
    ),

    moves as (
        select
            b.*,
            case when b.close > 0 and b.close_1 > 0
                then ln(b.close / b.close_1) end as move
        from bars as b
    ),

    sums as (
        select
            m.*,
            first_value(m.open) over w as open_session,
            max(m.high) over w as high_session,
            sum(m.move * m.move) over w as squares,
            sum(m.volume) over w as volume_session,
            sum(m.price * m.volume) over w as notional,
            sum(sign(m.close - m.close_1) * m.volume) over w as obv
        from moves as m
        window w as (
            partition by m.symbol, m.trade_date order by m.bar_start
            rows between unbounded preceding and current row
        )
    )

    select
        s.symbol,
        s.bar_start,
        s.known_at,
        case when s.close > 0 and s.open_session > 0
            then s.close / s.open_session - 1 end as return_session,
        case when s.close > 0
            then s.close / s.high_session - 1 end as drawdown_session,
        case when s.close > 0
            then sqrt(s.squares) end as realised_session,
        s.volume_session,
        s.notional / nullif(s.volume_session, 0) as vwap_session,
        case when s.close > 0 and s.notional > 0
            then s.close * s.volume_session / s.notional - 1
        end as vwap_distance,
        case when s.volume_session is not null
            then coalesce(s.obv, 0) end as obv_session,
        coalesce(s.obv, 0) / nullif(s.volume_session, 0) as obv_share_session
    from sums as s
    where s.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.session(text, text[], timestamptz, timestamptz) is
    'What the session has done so far, at each bar with ts_from <= bar_start '
    '< ts_to.';

-- Stage     45 studies
-- Makes     studies.capture_of(text, date, text, timestamptz, timestamptz),
--           studies.capture_at(text, date)
-- Kind      function
-- Grain     one row a symbol of the set desk, and TOTAL
-- Known at  captured_at
-- Reads     market.quote_metrics(timestamptz), reference.market_days,
--           studies.market_sessions,
--           studies.signals_at(timestamptz, text), studies.targets,
--           studies.total_at(timestamptz, text)
-- Nulls     as studies.market_sessions
-- Why       A capture is computed from the stored ticks as of its instant:
--           made late, or made anew, it is the same.

create function studies.capture_of(
    of_market text,
    of_day date,
    of_kind text,
    at timestamptz,
    until timestamptz
)
returns setof studies.market_sessions
language sql stable strict parallel safe rows 12
begin atomic
    with metrics as materialized (
        select q.*
        from market.quote_metrics(at) as q
        where q.kind = 'root'
    ),

    signals as materialized (
        select s.*
        from studies.signals_at(at, 'desk') as s
    ),

    captured as (
        select
            s.symbol,
            s.symbol as graded_symbol,
            s.signal as bhs,
            s.reason,
            s.contract_weight as weight,
            s.state is not null and s.state <> 'DEAD' as is_live,
            s.change as of_change,
            null::numeric as weighted_average,
            null::integer as instrument_count
        from signals as s
        union all
        select
            'TOTAL',
            'YM',
            t.composite_signal,
            case
                when t.composite_signal is null then 'no symbol has a signal'
                when y.reason = 'the quote is DEAD'
                    then 'the quote of YM is DEAD'
                when y.reason = 'no quote' then 'no quote of YM'
            end,
            t.signal_weight_sum,
            coalesce(y.state <> 'DEAD', false),
            t.sum_weighted,
            t.avg_weighted,
            t.count::integer
        from studies.total_at(at, 'desk') as t
        left join signals as y on y.symbol = 'YM'
    ),

    priced as (
        select
            c.*,
            q.sort_order,
            q.tick_size,
            q.last,
            q.bid,
            q.ask,
            coalesce(g.is_by_last, false) as is_by_last,
            g.mode,
            g.offset_high,
            g.offset_low,
            g.percent_high,
            g.percent_low,
            coalesce(g.is_active, false) as is_active,
            case
                when not c.is_live or c.bhs is null or c.bhs = 'HOLD' then null
                when g.is_by_last then q.last
                when c.bhs in ('BUY', 'STRONG_BUY') then q.ask
                else q.bid
            end as price
        from captured as c
        left join metrics as q on q.symbol = c.graded_symbol
        left join studies.targets as g on g.symbol = c.graded_symbol
    ),

    aimed as (
        select
            p.*,
            case
                when p.price is null or not p.is_active then null
                when p.mode = 'POINTS' then p.offset_high
                when p.mode = 'PERCENT'
                    then greatest(
                        round(
                            abs(p.price) * p.percent_high / 100 / p.tick_size
                        ), 1
                    ) * p.tick_size
            end as up,
            case
                when p.price is null or not p.is_active then null
                when p.mode = 'POINTS' then p.offset_low
                when p.mode = 'PERCENT'
                    then greatest(
                        round(
                            abs(p.price) * p.percent_low / 100 / p.tick_size
                        ), 1
                    ) * p.tick_size
            end as down
        from priced as p
    )

    select
        null::bigint as id,
        to_char(at at time zone 'UTC', 'YYYYMMDD')::integer as session_number,
        of_market || '/' || to_char(of_day, 'YYYY-MM-DD') || '/' || of_kind
            as capture_group,
        of_kind as capture_kind,
        of_market as market,
        of_day as session_date,
        a.symbol as symbol,
        at as captured_at,
        until as closes_at,
        a.is_live and a.bhs is not null as is_complete,
        coalesce(
            a.reason,
            case
                when a.bhs is null then 'no signal'
                when a.bhs = 'HOLD' then 'hold, no entry'
                when a.price is null and a.is_by_last then 'no last price'
                when a.price is null and a.bhs in ('BUY', 'STRONG_BUY')
                    then 'no ask'
                when a.price is null then 'no bid'
                when a.up is null then 'no targets'
            end
        ) as reason,
        a.bhs as bhs,
        case when a.up is null then 'NEUTRAL' else 'PENDING' end as wndw,
        trim_scale(a.weight) as weight,
        trim_scale(q.bid) as bid_price,
        q.bid_size as bid_size,
        trim_scale(q.ask) as ask_price,
        q.ask_size as ask_size,
        trim_scale(q.last) as last_price,
        trim_scale(q.spread) as spread,
        q.volume as volume,
        trim_scale(a.of_change) as change,
        case when a.symbol = a.graded_symbol then q.net_change_percent end
            as change_percent,
        a.graded_symbol as graded_symbol,
        a.is_by_last as is_by_last,
        case when a.up is not null then trim_scale(a.price) end as entry_price,
        trim_scale(a.price + a.up) as target_high,
        trim_scale(a.price - a.down) as target_low,
        null::numeric as target_hit_price,
        null::text as target_hit_type,
        null::timestamptz as target_hit_at,
        trim_scale(o.prev_close) as prev_close_24h,
        trim_scale(o.open) as open_price_24h,
        trim_scale(o.open_prev_diff) as open_prev_diff_24h,
        o.open_prev_percent as open_prev_pct_24h,
        trim_scale(o.low) as low_24h,
        trim_scale(o.high) as high_24h,
        trim_scale(o.range_diff) as range_diff_24h,
        o.range_percent as range_pct_24h,
        trim_scale(o.last) as close_24h,
        trim_scale(o.low_52w) as low_52w,
        trim_scale(o.high_52w) as high_52w,
        round((o.last - o.low_52w) / nullif(o.last, 0) * 100, 8)
            as low_pct_52w,
        round((o.high_52w - o.last) / nullif(o.last, 0) * 100, 8)
            as high_pct_52w,
        trim_scale(o.high_52w - o.low_52w) as range_52w,
        round((o.high_52w - o.low_52w) / nullif(o.last, 0) * 100, 8)
            as range_pct_52w,
        trim_scale(q.last) as market_open,
        null::numeric as market_high_open,
        null::numeric as market_high_pct_open,
        null::numeric as market_low_open,
        null::numeric as market_low_pct_open,
        null::numeric as market_close,
        null::numeric as market_high_pct_close,
        null::numeric as market_low_pct_close,
        null::numeric as market_close_vs_open_pct,
        null::numeric as market_range,
        null::numeric as market_range_pct,
        null::bigint as session_volume,
        round(a.weighted_average, 8) as weighted_average,
        a.instrument_count as instrument_count,
        at as graded_to,
        false as is_closed,
        null::timestamptz as created_at
    from aimed as a
    left join metrics as q on q.symbol = a.graded_symbol
    left join metrics as o on o.symbol = a.symbol
    order by a.symbol = 'TOTAL', a.sort_order, a.symbol;
end;

comment on function studies.capture_of(
    text, date, text, timestamptz, timestamptz
) is
    'The rows of a capture as of an instant, computed from the stored ticks '
    'and the desk''s current numbers; writes nothing. A DEAD quote gives no '
    'entry and NEUTRAL; a row without targets is NEUTRAL; others are PENDING.';

create function studies.capture_at(of_market text, of_day date)
returns setof studies.market_sessions
language sql stable strict parallel safe rows 12
begin atomic
    select c.*
    from reference.market_days as d
    cross join lateral studies.capture_of(
        d.market, d.day, 'OPEN', d.open_at, d.close_at
    ) as c
    where d.market = of_market and d.day = of_day and not d.is_holiday;
end;

comment on function studies.capture_at(text, date) is
    'The rows of the capture of a market''s opening on a day, computed anew; '
    'no row on a holiday.';

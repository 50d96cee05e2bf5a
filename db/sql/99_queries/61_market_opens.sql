-- Stage     45 studies
-- Captures of market openings: made, graded, closed, made anew, and read.

-- name: market_time
select
    s.settled_at,
    market.moment(s.settled_at) as moment
from (select studies.settled_at(clock_timestamp()) as settled_at) as s;

-- Openings whose ticks are stored and that have no capture yet, newest first.
-- What was before the first tick or after a recording's end, and trade dates
-- without any tick, were never watched; dropped ticks can be read no more.
-- name: due_captures
select
    d.market,
    d.day,
    d.open_at,
    d.close_at
from reference.market_days as d
inner join reference.markets as m on m.market = d.market
where
    m.is_captured
    and not d.is_holiday
    and d.open_at <= %(settled_at)s::timestamptz
    and d.open_at >= (
        select min(k.first_ts)
        from market.last_values as k
    )
    and exists (
        select
        from market.last_values as k
        where k.trade_date = reference.trade_date(d.open_at)
    )
    and (
        d.open_at <= (
            select max(c.ts)
            from market.source_clocks as c
        )
        or not exists (
            select
            from ops.edition as e
            where e.nature = 'recorded'
        )
    )
    and not exists (
        select
        from studies.market_sessions as s
        where
            s.market = d.market
            and s.session_date = d.day
            and s.capture_kind = 'OPEN'
    )
    and not exists (
        select
        from market.dropped_ranges as g
        where g.ts_from <= d.open_at and g.ts_to > d.open_at
    )
order by d.open_at desc, m.sort_order
limit %(limit)s::integer;

-- Another grader may have written the same rows: they are equal.
-- name: insert_capture
insert into studies.market_sessions (
    market, session_date, symbol, capture_kind, session_number, capture_group,
    captured_at, closes_at, is_complete, reason, bhs, weight, bid_price,
    bid_size, ask_price, ask_size, last_price, spread, volume, change,
    change_percent, graded_symbol, is_by_last, entry_price, target_high,
    target_low, prev_close_24h, open_price_24h, open_prev_diff_24h,
    open_prev_pct_24h, low_24h, high_24h, range_diff_24h, range_pct_24h,
    close_24h, low_52w, high_52w, low_pct_52w, high_pct_52w, range_52w,
    range_pct_52w, market_open, weighted_average, instrument_count, wndw,
    graded_to, is_closed
)
select
    c.market, c.session_date, c.symbol, c.capture_kind, c.session_number,
    c.capture_group, c.captured_at, c.closes_at, c.is_complete, c.reason,
    c.bhs, c.weight, c.bid_price, c.bid_size, c.ask_price, c.ask_size,
    c.last_price, c.spread, c.volume, c.change, c.change_percent,
    c.graded_symbol, c.is_by_last, c.entry_price, c.target_high, c.target_low,
    c.prev_close_24h, c.open_price_24h, c.open_prev_diff_24h,
    c.open_prev_pct_24h, c.low_24h, c.high_24h, c.range_diff_24h,
    c.range_pct_24h, c.close_24h, c.low_52w, c.high_52w, c.low_pct_52w,
    c.high_pct_52w, c.range_52w, c.range_pct_52w, c.market_open,
    c.weighted_average, c.instrument_count, c.wndw, c.graded_to, c.is_closed
from studies.capture_of(
    of_market => %(market)s::text,
    of_day => %(day)s::date,
    of_kind => %(kind)s::text,
    at => %(at)s::timestamptz,
    until => %(until)s::timestamptz
) as c
left join reference.instruments as i on i.symbol = c.symbol
order by c.symbol = 'TOTAL', i.sort_order, c.symbol
on conflict (market, session_date, symbol, capture_kind) do nothing
returning id, symbol, bhs, wndw, is_complete;

-- Rows are taken in one order, and those that another grader has are left to
-- it. A row is written where it is decided, or where much was looked at: what
-- was looked at since is looked at again.
-- name: grade_captures
with pending as (
    select
        s.id,
        s.graded_symbol,
        s.bhs in ('BUY', 'STRONG_BUY') as is_long,
        s.is_by_last,
        s.target_high,
        s.target_low,
        s.graded_to,
        least(s.closes_at, %(settled_at)s::timestamptz) as until,
        s.closes_at <= %(settled_at)s::timestamptz as is_over
    from studies.market_sessions as s
    where
        not s.is_closed
        and s.wndw = 'PENDING'
        and s.graded_to < least(s.closes_at, %(settled_at)s::timestamptz)
    order by s.id
    for update skip locked
),

graded as (
    select
        p.id,
        t.ts,
        t.price,
        t.hit_type,
        coalesce(t.ts, p.until) as graded_to,
        case
            when t.hit_type = 'TARGET' then 'WORKED'
            when t.hit_type = 'STOP' then 'DIDNT_WORK'
            when p.is_over then 'NEUTRAL'
            else 'PENDING'
        end as wndw
    from pending as p
    left join lateral studies.first_touch(
        p.graded_symbol, p.is_long, p.is_by_last, p.target_high, p.target_low,
        p.graded_to, p.until
    ) as t on true
)

update studies.market_sessions as s
set
    wndw = g.wndw,
    target_hit_price = trim_scale(g.price),
    target_hit_type = g.hit_type,
    target_hit_at = g.ts,
    graded_to = g.graded_to
from graded as g
where
    s.id = g.id
    and (
        g.wndw <> 'PENDING' or g.graded_to > s.graded_to + interval '5 seconds'
    )
returning
    s.id, s.market, s.session_date, s.capture_kind, s.symbol, s.bhs, s.wndw,
    s.entry_price, s.target_hit_price, s.target_hit_at,
    true as is_news;

-- At the window's end each grade is made once more from all ticks, and the
-- market's session is filled in.
-- name: close_captures
with over as (
    select s.*
    from studies.market_sessions as s
    where
        not s.is_closed
        and s.closes_at <= %(settled_at)s::timestamptz
        and s.wndw <> 'PENDING'
    order by s.id
    for update skip locked
),

found as (
    select
        o.id,
        t.ts,
        t.price,
        t.hit_type,
        case
            when t.hit_type = 'TARGET' then 'WORKED'
            when t.hit_type = 'STOP' then 'DIDNT_WORK'
            else 'NEUTRAL'
        end as wndw,
        coalesce(t.ts, o.closes_at) as graded_to,
        t.hit_type is distinct from o.target_hit_type
        or t.ts is distinct from o.target_hit_at as is_news,
        o.market_open as open,
        greatest(r.high, o.market_open) as high,
        least(r.low, o.market_open) as low,
        l.last as close,
        r.volume
    from over as o
    left join lateral studies.first_touch(
        o.graded_symbol, o.bhs in ('BUY', 'STRONG_BUY'), o.is_by_last,
        o.target_high, o.target_low, o.captured_at, o.closes_at
    ) as t on true
    left join lateral (
        select
            max(k.last) as high,
            min(k.last) as low,
            sum(k.volume_delta) filter (where k.is_trade)::bigint as volume
        from market.ticks as k
        where
            k.symbol = o.graded_symbol
            and k.ts > o.captured_at
            and k.ts <= o.closes_at
    ) as r on true
    left join lateral (
        select k.last
        from market.ticks as k
        where
            k.symbol = o.graded_symbol
            and k.ts > o.captured_at
            and k.ts <= o.closes_at
            and k.last is not null
        order by k.ts desc, k.seq desc, k.source desc
        limit 1
    ) as l on true
)

update studies.market_sessions as s
set
    wndw = f.wndw,
    target_hit_price = trim_scale(f.price),
    target_hit_type = f.hit_type,
    target_hit_at = f.ts,
    graded_to = f.graded_to,
    market_high_open = trim_scale(f.high),
    market_high_pct_open
    = round((f.high - f.open) / nullif(f.open, 0) * 100, 8),
    market_low_open = trim_scale(f.low),
    market_low_pct_open = round((f.close - f.low) / nullif(f.low, 0) * 100, 8),
    market_close = trim_scale(f.close),
    market_high_pct_close
    = round((f.high - f.close) / nullif(f.close, 0) * 100, 8),
    market_low_pct_close = round((f.close - f.low) / nullif(f.low, 0) * 100, 8),
    market_close_vs_open_pct
    = round((f.close - f.open) / nullif(f.open, 0) * 100, 8),
    market_range = trim_scale(f.high - f.low),
    market_range_pct = round((f.high - f.low) / nullif(f.open, 0) * 100, 8),
    session_volume = f.volume,
    is_closed = true
from found as f
where s.id = f.id
returning
    s.id, s.market, s.session_date, s.capture_kind, s.symbol, s.bhs, s.wndw,
    s.entry_price, s.target_hit_price, s.target_hit_at,
    f.is_news;

-- name: take_late_ticks
delete from studies.late_ticks as l
where
    l.range_id in (
        select t.range_id
        from studies.late_ticks as t
        order by t.range_id
        for update skip locked
    )
returning l.symbol, l.ts_from, l.ts_to;

-- Captures that read a late tick's minute, unless the desk's numbers changed
-- since: they were made by the numbers of their time.
-- name: captures_before_late_ticks
select
    s.market,
    s.session_date as day,
    s.capture_kind as kind,
    s.captured_at as at,
    s.closes_at as until
from studies.market_sessions as s
where
    s.symbol = 'TOTAL'
    and s.captured_at >= %(ts_from)s::timestamptz
    and s.captured_at < %(ts_to)s::timestamptz + interval '1 day'
    and s.created_at >= (
        select max(n.changed_at)
        from (
            select t.changed_at from studies.thresholds as t
            union all
            select w.changed_at from studies.contract_weights as w
            union all
            select g.changed_at from studies.signal_weights as g
            union all
            select a.changed_at from studies.targets as a
        ) as n
    )
order by s.captured_at;

-- name: renew_capture
update studies.market_sessions as s
set
    (
        session_number, capture_group, captured_at, closes_at, is_complete,
        reason, bhs, weight, bid_price, bid_size, ask_price, ask_size,
        last_price, spread, volume, change, change_percent, graded_symbol,
        is_by_last, entry_price, target_high, target_low, prev_close_24h,
        open_price_24h, open_prev_diff_24h, open_prev_pct_24h, low_24h,
        high_24h, range_diff_24h, range_pct_24h, close_24h, low_52w, high_52w,
        low_pct_52w, high_pct_52w, range_52w, range_pct_52w, market_open,
        weighted_average, instrument_count
    ) = (
        c.session_number, c.capture_group, c.captured_at, c.closes_at,
        c.is_complete, c.reason, c.bhs, c.weight, c.bid_price, c.bid_size,
        c.ask_price, c.ask_size, c.last_price, c.spread, c.volume, c.change,
        c.change_percent, c.graded_symbol, c.is_by_last, c.entry_price,
        c.target_high, c.target_low, c.prev_close_24h, c.open_price_24h,
        c.open_prev_diff_24h, c.open_prev_pct_24h, c.low_24h, c.high_24h,
        c.range_diff_24h, c.range_pct_24h, c.close_24h, c.low_52w, c.high_52w,
        c.low_pct_52w, c.high_pct_52w, c.range_52w, c.range_pct_52w,
        c.market_open, c.weighted_average, c.instrument_count
    ),
    wndw = c.wndw,
    target_hit_price = null,
    target_hit_type = null,
    target_hit_at = null,
    graded_to = c.graded_to,
    is_closed = false
from studies.capture_of(
    of_market => %(market)s::text,
    of_day => %(day)s::date,
    of_kind => %(kind)s::text,
    at => %(at)s::timestamptz,
    until => %(until)s::timestamptz
) as c
where
    s.market = c.market
    and s.session_date = c.session_date
    and s.capture_kind = c.capture_kind
    and s.symbol = c.symbol
    and (
        s.session_number, s.capture_group, s.captured_at, s.closes_at,
        s.is_complete, s.reason, s.bhs, s.weight, s.bid_price, s.bid_size,
        s.ask_price, s.ask_size, s.last_price, s.spread, s.volume, s.change,
        s.change_percent, s.graded_symbol, s.is_by_last, s.entry_price,
        s.target_high, s.target_low, s.prev_close_24h, s.open_price_24h,
        s.open_prev_diff_24h, s.open_prev_pct_24h, s.low_24h, s.high_24h,
        s.range_diff_24h, s.range_pct_24h, s.close_24h, s.low_52w, s.high_52w,
        s.low_pct_52w, s.high_pct_52w, s.range_52w, s.range_pct_52w,
        s.market_open, s.weighted_average, s.instrument_count
    ) is distinct from (
        c.session_number, c.capture_group, c.captured_at, c.closes_at,
        c.is_complete, c.reason, c.bhs, c.weight, c.bid_price, c.bid_size,
        c.ask_price, c.ask_size, c.last_price, c.spread, c.volume, c.change,
        c.change_percent, c.graded_symbol, c.is_by_last, c.entry_price,
        c.target_high, c.target_low, c.prev_close_24h, c.open_price_24h,
        c.open_prev_diff_24h, c.open_prev_pct_24h, c.low_24h, c.high_24h,
        c.range_diff_24h, c.range_pct_24h, c.close_24h, c.low_52w, c.high_52w,
        c.low_pct_52w, c.high_pct_52w, c.range_52w, c.range_pct_52w,
        c.market_open, c.weighted_average, c.instrument_count
    );

-- Grades that looked past a late tick are made again from its minute on.
-- name: reopen_grades
update studies.market_sessions as s
set
    wndw = case when r.is_reopened then 'PENDING' else s.wndw end,
    target_hit_price = case when not r.is_reopened then s.target_hit_price end,
    target_hit_type = case when not r.is_reopened then s.target_hit_type end,
    target_hit_at = case when not r.is_reopened then s.target_hit_at end,
    graded_to = case
        when r.is_reopened
            then greatest(
                s.captured_at,
                %(ts_from)s::timestamptz - interval '1 microsecond'
            )
        else s.graded_to
    end,
    is_closed = false
from (
    select
        m.id,
        m.entry_price is not null
        and m.graded_to >= %(ts_from)s::timestamptz as is_reopened,
        m.is_closed
    from studies.market_sessions as m
    where
        m.captured_at < %(ts_to)s::timestamptz
        and m.captured_at >= %(ts_from)s::timestamptz - interval '8 days'
        and m.closes_at > %(ts_from)s::timestamptz
        and (
            m.graded_symbol = %(symbol)s::text or %(symbol)s::text is null
        )
) as r
where s.id = r.id and (r.is_reopened or r.is_closed);

-- The window of a capture that a person asks for: until the market closes, or
-- outside its hours until the trade date ends.
-- name: manual_window
select
    m.market,
    (%(at)s::timestamptz at time zone m.time_zone)::date as day,
    coalesce(
        d.close_at,
        (reference.trade_date(%(at)s::timestamptz) + time '17:00')
        at time zone 'America/Chicago'
    ) as until
from reference.markets as m
left join reference.market_days as d
    on
        d.market = m.market
        and d.open_at <= %(at)s::timestamptz
        and d.close_at > %(at)s::timestamptz
where m.market = %(market)s::text;

-- name: market_names
select m.market
from reference.markets as m
order by m.sort_order, m.market;

-- Rows of captures, newest first, with what their market and symbol had done
-- before.
-- name: market_opens
select
    s.*,
    i.display_precision,
    i.tick_size,
    i.sort_order
from studies.market_sessions as s
left join reference.instruments as i on i.symbol = s.graded_symbol
where
    (s.market = %(market)s::text or %(market)s::text is null)
    and (s.wndw = %(status)s::text or %(status)s::text is null)
    and (s.session_date = %(date)s::date or %(date)s::date is null)
    and (s.capture_kind = %(kind)s::text or %(kind)s::text is null)
    and (s.symbol = %(symbol)s::text or %(symbol)s::text is null)
order by
    s.captured_at desc, s.market, s.symbol <> 'TOTAL', i.sort_order, s.symbol
limit %(limit)s::integer;

-- name: market_open
select
    s.*,
    i.display_precision,
    i.tick_size,
    c.year,
    c.month,
    c.date,
    c.day,
    c.market_symbol,
    c.market_symbol_wndw_total,
    c.strong_buy_worked,
    c.strong_buy_didnt_work,
    c.buy_worked,
    c.buy_didnt_work,
    c.hold,
    c.sell_worked,
    c.sell_didnt_work,
    c.strong_sell_worked,
    c.strong_sell_didnt_work,
    c.worked_percentage,
    c.didnt_work_percentage
from studies.market_sessions as s
inner join studies.market_session_counts as c on c.id = s.id
left join reference.instruments as i on i.symbol = s.graded_symbol
where s.id = %(id)s::bigint;

-- A market's own day: when it is Monday in Tokyo it is Sunday in Chicago.
-- name: market_opens_today
select
    s.*,
    i.display_precision,
    i.tick_size
from studies.market_sessions as s
inner join reference.markets as m on m.market = s.market
left join reference.instruments as i on i.symbol = s.graded_symbol
where
    s.session_date
    = (%(as_of)s::timestamptz at time zone m.time_zone)::date
order by
    s.captured_at desc, m.sort_order, s.symbol <> 'TOTAL', i.sort_order,
    s.symbol;

-- name: market_opens_latest
select
    s.*,
    i.display_precision,
    i.tick_size
from reference.markets as m
cross join lateral (
    select g.capture_group
    from studies.market_sessions as g
    where g.market = m.market
    order by g.captured_at desc
    limit 1
) as n
inner join studies.market_sessions as s on s.capture_group = n.capture_group
left join reference.instruments as i on i.symbol = s.graded_symbol
order by m.sort_order, s.symbol <> 'TOTAL', i.sort_order, s.symbol;

-- name: market_captures
select c.*
from studies.market_captures as c
where
    (c.market = %(market)s::text or %(market)s::text is null)
    and (c.session_date = %(date)s::date or %(date)s::date is null)
    and (c.capture_kind = %(kind)s::text or %(kind)s::text is null)
order by c.captured_at desc, c.market
limit %(limit)s::integer;

-- name: next_openings
select
    m.market,
    m.display,
    m.time_zone,
    d.day,
    d.open_at,
    d.close_at
from reference.markets as m
cross join lateral (
    select
        n.day,
        n.open_at,
        n.close_at
    from reference.market_days as n
    where
        n.market = m.market
        and not n.is_holiday
        and n.open_at > %(as_of)s::timestamptz
    order by n.open_at
    limit 1
) as d
where m.is_captured
order by d.open_at, m.sort_order;

-- The rows of about twenty captures: what may change is among them.
-- name: newest_grades
select
    s.id,
    s.market,
    s.session_date,
    s.capture_kind,
    s.symbol,
    s.bhs,
    s.wndw,
    s.target_hit_price,
    s.target_hit_at
from studies.market_sessions as s
order by s.captured_at desc
limit 240;

-- name: hit_rates
select h.*
from studies.hit_rates as h
where h.capture_kind = %(kind)s::text
order by
    h.by,
    coalesce(
        (
            select m.sort_order
            from reference.markets as m
            where h.by = 'market' and m.market = h.value
        ),
        (
            select i.sort_order
            from reference.instruments as i
            where h.by = 'symbol' and i.symbol = h.value
        ),
        array_position(
            '{Mon,Tue,Wed,Thu,Fri,Sat,Sun,STRONG_BUY,BUY,HOLD,SELL,'
            'STRONG_SELL}'::text [],
            h.value
        ),
        1000000
    ),
    h.value;

-- name: open_outcomes
select
    count(*) filter (where s.wndw = 'WORKED') as worked,
    count(*) filter (where s.wndw = 'DIDNT_WORK') as didnt_work,
    count(*) filter (where s.wndw = 'NEUTRAL') as neutral,
    count(*) filter (where s.wndw = 'PENDING') as pending,
    count(distinct s.capture_group) as captures
from studies.market_sessions as s
where s.capture_kind = %(kind)s::text;

-- name: targets
select
    t.symbol,
    t.mode,
    trim_scale(t.offset_high) as offset_high,
    trim_scale(t.offset_low) as offset_low,
    trim_scale(t.percent_high) as percent_high,
    trim_scale(t.percent_low) as percent_low,
    t.is_by_last,
    t.is_active,
    t.version,
    t.changed_at,
    t.changed_by,
    t.reason
from studies.targets as t
left join reference.instruments as i on i.symbol = t.symbol
order by i.sort_order, t.symbol;

-- name: tick_of
select
    i.symbol,
    trim_scale(i.tick_size) as tick_size
from reference.instruments as i
where i.symbol = %(symbol)s::text;

-- name: change_targets
insert into studies.targets as t (
    symbol, mode, offset_high, offset_low, percent_high, percent_low,
    is_by_last, is_active, changed_by, reason
)
values (
    %(symbol)s::text, %(mode)s::text, %(offset_high)s::numeric,
    %(offset_low)s::numeric, %(percent_high)s::numeric,
    %(percent_low)s::numeric, %(is_by_last)s::boolean, %(is_active)s::boolean,
    %(changed_by)s::text, %(reason)s::text
)
on conflict (symbol) do update set
    mode = excluded.mode,
    offset_high = excluded.offset_high,
    offset_low = excluded.offset_low,
    percent_high = excluded.percent_high,
    percent_low = excluded.percent_low,
    is_by_last = excluded.is_by_last,
    is_active = excluded.is_active,
    changed_by = excluded.changed_by,
    reason = excluded.reason;

-- name: target_versions
select
    v.version,
    v.valid_from,
    v.valid_to,
    v.content
from reference.versions as v
where v.relation = 'targets' and v.key = %(symbol)s::text
order by v.valid_to desc;

-- Stage     60 store
-- Makes     feat.commission(), feat.labels(text, text[], timestamptz,
--           timestamptz), feat._labels
-- Kind      function and view
-- Grain     one row a (bar with a trade, horizon)
-- Known at  label_end
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval), feat._breaks(text[], timestamptz, timestamptz),
--           feat.lower_bound(timestamptz),
--           feat.range(text, text[], timestamptz, timestamptz),
--           feat.volatility(text, text[], timestamptz, timestamptz),
--           reference.instruments, reference.series, reference.sessions
-- Nulls     every label, and label_end, across a roll, a halt, a gap or the
--           close, and where no bar ends at the horizon; barrier of close, and
--           where one minute reached both barriers
-- Why       What a model learns: what came after a bar, at prices that could be
--           traded. Both engines read the path in bars of a minute. A label
--           needs the bar that ends at its horizon, not one after it, so no
--           later tick moves it. An imported bar has no quotes: its close with
--           half a tick on either side stands in. Paths meet bars by the hour,
--           an equality that both engines can hash.

create function feat.commission() returns float8
language sql immutable parallel safe
return 2.5::float8;

comment on function feat.commission() is
    'Commission of a contract and side that labels count, in the currency of '
    'its instrument.';

create function feat.labels(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    horizon text,
    label_end timestamptz,
    has_quotes boolean,
    direction float8,
    magnitude float8,
    magnitude_ticks float8,
    magnitude_scaled float8,
    volatility float8,
    barrier float8,
    barrier_end timestamptz,
    cost_ticks float8
)
language sql stable parallel safe rows 25000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with minutes as (
        select
            b.symbol,
            b.trade_date,
            b.known_at,
            b.high,
            b.low,
            b.close,
            b.bid_close is not null and b.ask_close is not null as has_quotes,
            case when b.bid_close is not null and b.ask_close is not null
                then b.bid_close
                else b.close - i.tick_size::float8 / 2 end as bid,
            case when b.bid_close is not null and b.ask_close is not null
                then b.ask_close
                else b.close + i.tick_size::float8 / 2 end as ask,
            i.tick_size::float8 as tick_size,
            2 * feat.commission() / i.multiplier::float8 as fees,
            date_part('epoch', b.bar_end) as end_s,
            floor(date_part('epoch', b.bar_end) / 3600.0::float8) as hour,
            date_part('epoch', s.close_at) as close_s
        from feat.bars(
            '1m', of_symbols, ts_from,
            least(ts_to::timestamptz, timestamptz '2200-01-01 00:00Z')
            + interval '1 day',
            0, interval '0 hours'
        ) as b
        inner join reference.series as r on r.symbol = b.symbol
        inner join reference.instruments as i on i.symbol = r.root
        inner join reference.sessions as s
            on
                s.calendar = i.calendar
                and s.trade_date = b.trade_date
                and b.bar_start >= s.open_at
                and b.bar_end <= s.close_at
    ),

    steps as (
        select
            m.*,
            m.end_s - lag(m.end_s) over w as gap_s,
            case when m.close > 0 and lag(m.close) over w > 0
                then ln(m.close / lag(m.close) over w) end as move
        from minutes as m
        window w as (
            partition by m.symbol, m.trade_date order by m.end_s
        )
    ),

    gaps as (
        select
            g.symbol,
            date_part('epoch', g.starts_at) as start_s,
            date_part('epoch', g.ends_at) as end_s
        from feat._breaks(
            of_symbols, feat.lower_bound(ts_from),
            least(ts_to::timestamptz, timestamptz '2200-01-01 00:00Z')
            + interval '1 day'
        ) as g
    ),

    broken as (
        select
            s.symbol,
            s.end_s
        from steps as s
        inner join gaps as g
            on
                g.symbol = s.symbol
                and g.start_s < s.end_s
                and g.end_s > s.end_s - coalesce(s.gap_s, 60)
        group by s.symbol, s.end_s
    ),

    -- A part begins after a break: a gap, a roll, ten minutes without a bar.
    parts as (
        select
            s.*,
            count(case when s.gap_s > 660 or b.end_s is not null then 1 end)
                over w as part,
            sum(s.move * s.move) over later as squares_later
        from steps as s
        left join broken as b on b.symbol = s.symbol and b.end_s = s.end_s
        window
            w as (
                partition by s.symbol, s.trade_date order by s.end_s
                rows between unbounded preceding and current row
            ),
            later as (
                partition by s.symbol, s.trade_date order by s.end_s desc
                rows between unbounded preceding and 1 preceding
            )
    ),

    bars as (
        select
            b.symbol,
            b.bar_start,
            b.known_at as bar_known_at,
            2 * f.atr_14 as reach,
            v.realised_60min,
            p.*
        from (
            select
                a.symbol,
                a.bar_start,
                a.known_at,
                date_part('epoch', a.bar_end) as end_s
            from feat.bars(
                of_width, of_symbols, ts_from, ts_to, 0, interval '0 hours'
            ) as a
        ) as b
        left join feat.range(of_width, of_symbols, ts_from, ts_to) as f
            on f.symbol = b.symbol and f.bar_start = b.bar_start
        left join feat.volatility(of_width, of_symbols, ts_from, ts_to) as v
            on v.symbol = b.symbol and v.bar_start = b.bar_start
        left join (
            select
                q.symbol as of_symbol,
                q.trade_date,
                q.part,
                q.hour,
                q.end_s,
                q.close_s,
                q.has_quotes,
                q.bid,
                q.ask,
                q.tick_size,
                q.fees,
                q.squares_later
            from parts as q
        ) as p on p.of_symbol = b.symbol and p.end_s = b.end_s
    ),

    -- What the price did within the hour after each bar.
    paths as (
        select
            b.symbol,
            b.bar_start,
            sum(case when p.end_s <= b.end_s + 60
                then p.move * p.move end) as squares_1,
            sum(case when p.end_s <= b.end_s + 300
                then p.move * p.move end) as squares_5,
            sum(case when p.end_s <= b.end_s + 900
                then p.move * p.move end) as squares_15,
            sum(p.move * p.move) as squares_60,
            min(case when p.high >= (b.bid + b.ask) / 2 + b.reach
                then p.end_s end) as up_s,
            min(case when p.low <= (b.bid + b.ask) / 2 - b.reach
                then p.end_s end) as down_s
        from bars as b
        inner join (
            select
                q.symbol,
                q.trade_date,
                q.part,
                q.hour - k.back as hour,
                q.end_s,
                q.high,
                q.low,
                q.move
            from parts as q
            cross join (values (0), (1)) as k (back)
        ) as p
            on
                p.symbol = b.symbol
                and p.trade_date = b.trade_date
                and p.part = b.part
                and p.hour = b.hour
                and p.end_s > b.end_s
                and p.end_s <= b.end_s + 3600
        group by b.symbol, b.bar_start
    ),

    ends as (
        select
            b.*,
            h.horizon,
            coalesce(b.end_s + h.length_s, b.close_s) as exit_s,
            case h.horizon
                when '1m' then w.squares_1
                when '5m' then w.squares_5
                when '15m' then w.squares_15
                when '60m' then w.squares_60
                else b.squares_later
            end as squares,
            case when h.length_s is not null
                then coalesce(w.up_s, 'infinity'::float8) end as up_s,
            case when h.length_s is not null
                then coalesce(w.down_s, 'infinity'::float8) end as down_s
        from bars as b
        cross join (
            values
            ('1m', 60.0::float8),
            ('5m', 300.0::float8),
            ('15m', 900.0::float8),
            ('60m', 3600.0::float8),
            ('close', null::float8)
        ) as h (horizon, length_s)
        left join paths as w
            on w.symbol = b.symbol and w.bar_start = b.bar_start
    ),

    exits as (
        select
            e.*,
            x.known_at as label_end,
            x.bid as exit_bid,
            x.ask as exit_ask,
            (e.bid + e.ask) / 2 as mid,
            (x.bid + x.ask) / 2 as exit_mid,
            least(e.up_s, e.down_s) as touch_s
        from ends as e
        left join parts as x
            on
                x.symbol = e.symbol
                and x.trade_date = e.trade_date
                and x.part = e.part
                and x.end_s = e.exit_s
                and x.end_s > e.end_s
    )

    select
        e.symbol,
        e.bar_start,
        e.bar_known_at as known_at,
        e.horizon,
        e.label_end,
        e.has_quotes,
        case
            when e.label_end is null then null
            when e.exit_bid - e.ask > e.fees then 1
            when e.bid - e.exit_ask > e.fees then -1
            else 0
        end::float8 as direction,
        case when e.mid > 0 and e.exit_mid > 0
            then ln(e.exit_mid / e.mid) end as magnitude,
        (e.exit_mid - e.mid) / e.tick_size as magnitude_ticks,
        case when e.mid > 0 and e.exit_mid > 0
            then ln(e.exit_mid / e.mid) / nullif(
                e.realised_60min * sqrt((e.exit_s - e.end_s) / 3600), 0
            )
        end as magnitude_scaled,
        case when e.label_end is not null and e.mid > 0 and e.exit_mid > 0
            then sqrt(e.squares) end as volatility,
        case
            when e.label_end is null or e.reach is null then null
            when e.touch_s > e.exit_s then 0
            when e.up_s < e.down_s then 1
            when e.up_s > e.down_s then -1
        end::float8 as barrier,
        case
            when e.label_end is null or e.reach is null then null
            when e.touch_s > e.exit_s then e.label_end
            when e.up_s <> e.down_s
                then
                    e.label_end
                    - (e.exit_s - e.touch_s) * interval '1 second'
        end as barrier_end,
        (
            (e.ask - e.bid + e.exit_ask - e.exit_bid) / 2 + e.fees
        ) / e.tick_size as cost_ticks
    from exits as e
    where e.bar_start >= feat.lower_bound(ts_from);
end;

comment on function feat.labels(text, text[], timestamptz, timestamptz) is
    'What came after the bars of a width (1m, 5m, 1h) with ts_from <= '
    'bar_start < ts_to, of the symbols (null: all listed), a row a horizon. A '
    'null bound is open. feat._labels has the words of each column.';

create view feat._labels as
select l.* from feat.labels('1m', null, 'infinity', 'infinity') as l;

comment on view feat._labels is
    'The columns of feat.labels; it has no rows.';
comment on column feat._labels.symbol is 'The series.';
comment on column feat._labels.bar_start is
    'First instant of the bar that a decision is made on.';
comment on column feat._labels.known_at is
    'First moment at which a decision may use the bar.';
comment on column feat._labels.horizon is
    'How long after the bar''s end the position is closed: 1m, 5m, 15m, 60m, '
    'or close, the end of the session.';
comment on column feat._labels.label_end is
    'First moment at which the label is known; null where there is none.';
comment on column feat._labels.has_quotes is
    'Whether the bar has a bid and an ask; else its close with half a tick on '
    'either side stands in for them.';
comment on column feat._labels.direction is
    '1 where the bid at the horizon is above the ask at the bar''s end by more '
    'than two commissions, -1 where the ask then is below the bid now by more, '
    '0 between: the costs of a round trip are its dead band.';
comment on column feat._labels.magnitude is
    'Log of the mid at the horizon over the mid at the bar''s end, ratio.';
comment on column feat._labels.magnitude_ticks is
    'Mid at the horizon minus the mid at the bar''s end, ticks.';
comment on column feat._labels.magnitude_scaled is
    'magnitude over what the volatility of the last 60 minutes makes of the '
    'horizon: realised_60min times the root of its hours, 1.';
comment on column feat._labels.volatility is
    'Root of the summed squared log returns of the minutes after the bar, up '
    'to the horizon, ratio.';
comment on column feat._labels.barrier is
    'Which barrier the price reached first within the horizon: 1 two ATR(14) '
    'above the mid, -1 two below, 0 neither; null where one minute reached '
    'both, and for close.';
comment on column feat._labels.barrier_end is
    'First moment at which barrier is known.';
comment on column feat._labels.cost_ticks is
    'What a round trip costs: half of both spreads and two commissions, ticks.';

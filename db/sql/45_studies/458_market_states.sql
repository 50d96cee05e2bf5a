-- Stage     45 studies
-- Makes     studies.market_stretches(timestamptz, timestamptz),
--           studies.market_states(timestamptz)
-- Kind      function
-- Grain     one row a market and stretch of one state; one row a market
-- Known at  as_of
-- Reads     reference.market_days, reference.markets,
--           reference.range_from(timestamptz, timestamptz)
-- Nulls     the state where the market's days do not reach; hours on a day
--           without trading; the next event after the last day
-- Why       One definition of a market's state for the clock wall, the
--           composite, the transitions and the captures.

create function studies.market_stretches(
    from_ts timestamptz, to_ts timestamptz
)
returns table (
    market text,
    day date,
    state text,
    starts_at timestamptz,
    ends_at timestamptz,
    confidence text,
    note text
)
language sql stable strict parallel safe rows 100
begin atomic
    select
        d.market as market,
        d.day as day,
        s.state as state,
        s.starts_at as starts_at,
        s.ends_at as ends_at,
        d.confidence as confidence,
        d.note as note
    from reference.market_days as d
    inner join reference.markets as m on m.market = d.market
    cross join lateral (
        select d.close_at - interval '15 minutes' as late_at
    ) as l
    cross join lateral (
        values
        ('PREOPEN', d.open_at - interval '60 minutes', d.open_at),
        ('OPEN', d.open_at, coalesce(d.lunch_start_at, l.late_at)),
        ('LUNCH', d.lunch_start_at, d.lunch_end_at),
        ('OPEN', d.lunch_end_at, l.late_at),
        (
            'PRECLOSE',
            greatest(l.late_at, d.lunch_end_at, d.open_at),
            d.close_at
        ),
        (
            'HOLIDAY',
            case when d.is_holiday then
                d.day::timestamp at time zone m.time_zone
            end,
            (d.day + 1)::timestamp at time zone m.time_zone
        )
    ) as s (state, starts_at, ends_at)
    where
        d.day between (from_ts at time zone 'UTC')::date - 2
        and (to_ts at time zone 'UTC')::date + 2
        and s.starts_at < s.ends_at
        and s.starts_at <= to_ts
        and s.ends_at >= from_ts
        and reference.range_from(from_ts, to_ts) is not null;
end;

comment on function studies.market_stretches(timestamptz, timestamptz) is
    'The stretches of one state of each market that touch a span: PREOPEN '
    'the 60 minutes before it opens, OPEN, LUNCH, PRECLOSE the last 15 '
    'minutes, HOLIDAY the whole day by its clock. Between them it is CLOSED.';

create function studies.market_states(as_of timestamptz)
returns table (
    market text,
    display text,
    sort_order integer,
    time_zone text,
    state text,
    day date,
    local_time timestamp,
    open_at timestamptz,
    close_at timestamptz,
    lunch_start_at timestamptz,
    lunch_end_at timestamptz,
    next_event text,
    next_event_at timestamptz,
    seconds_to_next_event integer,
    confidence text,
    next_confidence text,
    note text,
    weight numeric,
    is_control boolean,
    is_captured boolean,
    contribution numeric
)
language sql stable strict parallel safe rows 10
begin atomic
    with stretches as materialized (
        select s.*
        from studies.market_stretches(as_of, as_of) as s
        where s.starts_at <= as_of and s.ends_at > as_of
    ),

    stated as (
        select
            m.*,
            as_of at time zone m.time_zone as local_time,
            case
                when exists (
                    select 1
                    from reference.market_days as b
                    where
                        b.market = m.market
                        and b.day <= (as_of at time zone m.time_zone)::date
                ) and exists (
                    select 1
                    from reference.market_days as b
                    where
                        b.market = m.market
                        and b.day >= (as_of at time zone m.time_zone)::date
                ) then coalesce(s.state, 'CLOSED')
            end as state
        from reference.markets as m
        left join lateral (
            select x.state
            from stretches as x
            where x.market = m.market
            order by x.starts_at desc
            limit 1
        ) as s on true
    )

    select
        t.market as market,
        t.display as display,
        t.sort_order as sort_order,
        t.time_zone as time_zone,
        t.state as state,
        t.local_time::date as day,
        t.local_time as local_time,
        d.open_at as open_at,
        d.close_at as close_at,
        d.lunch_start_at as lunch_start_at,
        d.lunch_end_at as lunch_end_at,
        n.event as next_event,
        n.at as next_event_at,
        ceil(extract(epoch from n.at - as_of))::integer
            as seconds_to_next_event,
        coalesce(d.confidence, n.confidence) as confidence,
        n.confidence as next_confidence,
        d.note as note,
        t.weight as weight,
        t.is_control as is_control,
        t.is_captured as is_captured,
        case
            when t.is_control and t.state in ('OPEN', 'PRECLOSE')
                then t.weight * 100
            else 0
        end as contribution
    from stated as t
    left join reference.market_days as d
        on d.market = t.market and d.day = t.local_time::date
    left join lateral (
        select
            e.event,
            e.at,
            b.confidence
        from reference.market_days as b
        cross join lateral (
            values
            ('OPEN', b.open_at),
            ('LUNCH', b.lunch_start_at),
            ('REOPEN', b.lunch_end_at),
            ('CLOSE', b.close_at)
        ) as e (event, at)
        where
            b.market = t.market
            and b.day between t.local_time::date - 1
            and t.local_time::date + 40
            and e.at > as_of
        order by b.day, e.at
        limit 1
    ) as n on t.state is not null
    order by t.sort_order, t.market;
end;

comment on function studies.market_states(timestamptz) is
    'Each market at a moment, from east to west: its state (OPEN, PREOPEN in '
    'the 60 minutes before, PRECLOSE in the last 15, LUNCH, CLOSED, HOLIDAY), '
    'its local time, today''s hours, the next event (OPEN, LUNCH, REOPEN, '
    'CLOSE) with its time and whole seconds, how sure today and that day are '
    '(library, override, unconfirmed), and what it adds to the composite.';

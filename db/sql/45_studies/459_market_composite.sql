-- Stage     45 studies
-- Makes     studies.session_phase(timestamptz),
--           studies.market_composite(timestamptz),
--           studies.market_changes(timestamptz, timestamptz)
-- Kind      function
-- Grain     one value; one row; one row a change of a market's state
-- Known at  as_of
-- Reads     studies.market_states(timestamptz),
--           studies.market_stretches(timestamptz, timestamptz)
-- Nulls     never
-- Why       How much of the desk's world is trading, as one figure; and each
--           change of a state by the hours, so that a downtime hides none.

create function studies.session_phase(as_of timestamptz) returns text
language sql immutable strict parallel safe
return case
    when extract(hour from as_of at time zone 'UTC') < 8 then 'ASIAN'
    when extract(hour from as_of at time zone 'UTC') < 14 then 'EUROPEAN'
    when extract(hour from as_of at time zone 'UTC') < 21 then 'AMERICAN'
    else 'OVERLAP'
end;

comment on function studies.session_phase(timestamptz) is
    'The part of the world''s day, by the hour UTC: 0 to 7 ASIAN, 8 to 13 '
    'EUROPEAN, 14 to 20 AMERICAN, 21 to 23 OVERLAP.';

create function studies.market_composite(as_of timestamptz)
returns table (
    composite numeric,
    composite_max numeric,
    active_markets bigint,
    control_markets bigint,
    phase text
)
language sql stable strict parallel safe rows 1
begin atomic
    select
        coalesce(sum(s.contribution), 0) as composite,
        coalesce(sum(s.weight * 100) filter (where s.is_control), 0)
            as composite_max,
        count(*) filter (where s.contribution > 0) as active_markets,
        count(*) filter (where s.is_control) as control_markets,
        studies.session_phase(as_of) as phase
    from studies.market_states(as_of) as s;
end;

comment on function studies.market_composite(timestamptz) is
    'The sum of weight times 100 of the control markets that are OPEN or '
    'PRECLOSE, what it would be if all were, how many are, and the phase.';

create function studies.market_changes(from_ts timestamptz, to_ts timestamptz)
returns table (
    market text,
    at timestamptz,
    from_state text,
    to_state text
)
language sql stable strict parallel safe rows 100
begin atomic
    with stretches as materialized (
        select s.*
        from studies.market_stretches(from_ts, to_ts) as s
    ),

    instants as (
        select
            s.market,
            s.starts_at as at
        from stretches as s
        union
        select
            s.market,
            s.ends_at as at
        from stretches as s
    ),

    changes as (
        select
            i.market,
            i.at,
            coalesce((
                select s.state
                from stretches as s
                where
                    s.market = i.market
                    and s.starts_at < i.at
                    and s.ends_at >= i.at
                order by s.starts_at desc
                limit 1
            ), 'CLOSED') as from_state,
            coalesce((
                select s.state
                from stretches as s
                where
                    s.market = i.market
                    and s.starts_at <= i.at
                    and s.ends_at > i.at
                order by s.starts_at desc
                limit 1
            ), 'CLOSED') as to_state
        from instants as i
        where i.at > from_ts and i.at <= to_ts
    )

    select
        c.market as market,
        c.at as at,
        c.from_state as from_state,
        c.to_state as to_state
    from changes as c
    where c.from_state <> c.to_state
    order by c.at, c.market;
end;

comment on function studies.market_changes(timestamptz, timestamptz) is
    'The changes of each market''s state after one moment until another, the '
    'latter included, as the hours in reference.market_days have them.';

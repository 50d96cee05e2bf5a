-- Stage     30 ticks
-- Makes     market._ages(timestamptz, timestamptz, timestamptz, timestamptz),
--           market._last_values_at(text, timestamptz),
--           market.quotes_at(timestamptz)
-- Kind      function
-- Grain     one row a call; one row, or none; one row a symbol with a tick
-- Known at  as_of
-- Reads     market.heard, market.last_values, market.quotes, market.ticks,
--           reference.quote_limits, reference.series,
--           reference.trade_date(timestamptz), type market.tick_key
-- Nulls     as market.quotes
-- Why       The quotes as of a moment, with their ages at that moment. The
--           newest are read from last_values; a field that a later tick changed
--           is searched in the ticks, backwards from the moment.

create function market._ages(
    as_of timestamptz,
    received_at timestamptz,
    heard_from timestamptz,
    last_heard_at timestamptz
)
returns table (
    heard_at timestamptz, age_ms bigint, heard_age_ms bigint, state text
)
language sql stable parallel safe rows 1
begin atomic
    select
        h.heard_at,
        floor(extract(epoch from as_of - received_at) * 1000)::bigint,
        floor(extract(epoch from as_of - h.heard_at) * 1000)::bigint,
        case
            -- A record from the future is not fresher than an old one.
            when h.age < l.stale_after then 'FRESH'
            when h.age <= l.dead_after then 'STALE'
            else 'DEAD'
        end
    from (
        select
            m.heard_at,
            greatest(as_of - m.heard_at, m.heard_at - as_of) as age
        from (
            select
                greatest(
                    received_at,
                    case
                        when last_heard_at <= as_of then last_heard_at
                        when heard_from <= as_of then as_of
                    end
                ) as heard_at
        ) as m
    ) as h
    cross join reference.quote_limits as l;
end;

comment on function market._ages(
    timestamptz, timestamptz, timestamptz, timestamptz
) is
    'When the source last looked at a quote, as of a moment, its two ages in '
    'ms and its state.';

create function market._last_values_at(
    of_symbol text, as_of timestamptz
)
returns table (
    trade_date date,
    ts timestamptz,
    seq bigint,
    source text,
    received_at timestamptz,
    contract text,
    last numeric,
    bid numeric,
    ask numeric,
    last_size integer,
    bid_size integer,
    ask_size integer,
    volume bigint
)
language sql stable strict parallel safe rows 1
begin atomic
    select
        k.trade_date,
        t.ts,
        t.seq,
        t.source,
        t.received_at,
        case
            when (k.contract_key).ts <= as_of then k.contract
            when k.contract_key is not null
                then (
                    select t.contract
                    from market.ticks as t
                    where
                        t.symbol = k.symbol
                        and t.ts >= k.first_ts
                        and t.ts <= as_of
                        and t.contract is not null
                    order by t.ts desc, t.seq desc, t.source desc
                    limit 1
                )
        end as contract,
        case
            when (k.last_key).ts <= as_of then k.last
            when k.last_key is not null
                then (
                    select t.last
                    from market.ticks as t
                    where
                        t.symbol = k.symbol
                        and t.ts >= k.first_ts
                        and t.ts <= as_of
                        and t.last is not null
                    order by t.ts desc, t.seq desc, t.source desc
                    limit 1
                )
        end as last,
        case
            when (k.bid_key).ts <= as_of then k.bid
            when k.bid_key is not null
                then (
                    select t.bid
                    from market.ticks as t
                    where
                        t.symbol = k.symbol
                        and t.ts >= k.first_ts
                        and t.ts <= as_of
                        and t.bid is not null
                    order by t.ts desc, t.seq desc, t.source desc
                    limit 1
                )
        end as bid,
        case
            when (k.ask_key).ts <= as_of then k.ask
            when k.ask_key is not null
                then (
                    select t.ask
                    from market.ticks as t
                    where
                        t.symbol = k.symbol
                        and t.ts >= k.first_ts
                        and t.ts <= as_of
                        and t.ask is not null
                    order by t.ts desc, t.seq desc, t.source desc
                    limit 1
                )
        end as ask,
        case
            when (k.last_size_key).ts <= as_of then k.last_size
            when k.last_size_key is not null
                then (
                    select t.last_size
                    from market.ticks as t
                    where
                        t.symbol = k.symbol
                        and t.ts >= k.first_ts
                        and t.ts <= as_of
                        and t.last_size is not null
                    order by t.ts desc, t.seq desc, t.source desc
                    limit 1
                )
        end as last_size,
        case
            when (k.bid_size_key).ts <= as_of then k.bid_size
            when k.bid_size_key is not null
                then (
                    select t.bid_size
                    from market.ticks as t
                    where
                        t.symbol = k.symbol
                        and t.ts >= k.first_ts
                        and t.ts <= as_of
                        and t.bid_size is not null
                    order by t.ts desc, t.seq desc, t.source desc
                    limit 1
                )
        end as bid_size,
        case
            when (k.ask_size_key).ts <= as_of then k.ask_size
            when k.ask_size_key is not null
                then (
                    select t.ask_size
                    from market.ticks as t
                    where
                        t.symbol = k.symbol
                        and t.ts >= k.first_ts
                        and t.ts <= as_of
                        and t.ask_size is not null
                    order by t.ts desc, t.seq desc, t.source desc
                    limit 1
                )
        end as ask_size,
        case
            when (k.volume_key).ts <= as_of then k.volume
            when k.volume_key is not null
                then (
                    select t.volume
                    from market.ticks as t
                    where
                        t.symbol = k.symbol
                        and t.ts >= k.first_ts
                        and t.ts <= as_of
                        and t.volume is not null
                    order by t.ts desc, t.seq desc, t.source desc
                    limit 1
                )
        end as volume
    from (
        select f.*
        from market.last_values as f
        where
            f.symbol = of_symbol
            and f.trade_date <= reference.trade_date(as_of)
            and f.first_ts <= as_of
        order by f.trade_date desc
        limit 1
    ) as k
    cross join lateral (
        select
            k.ts,
            k.seq,
            k.source,
            k.received_at
        where k.ts <= as_of
        union all
        (
            select
                n.ts,
                n.seq,
                n.source,
                n.received_at
            from market.ticks as n
            where
                k.ts > as_of
                and n.symbol = k.symbol
                and n.ts >= k.first_ts
                and n.ts <= as_of
            order by n.ts desc, n.seq desc, n.source desc
            limit 1
        )
    ) as t;
end;

comment on function market._last_values_at(text, timestamptz) is
    'The last values of a symbol as of a moment, of the trade date of its '
    'newest tick then: fields that changed later are searched in the ticks.';

create function market.quotes_at(as_of timestamptz)
returns table (
    symbol text,
    trade_date date,
    ts timestamptz,
    received_at timestamptz,
    heard_at timestamptz,
    source text,
    seq bigint,
    contract text,
    last numeric,
    bid numeric,
    ask numeric,
    last_size integer,
    bid_size integer,
    ask_size integer,
    volume bigint,
    volume_date date,
    age_ms bigint,
    heard_age_ms bigint,
    state text
)
language plpgsql stable strict parallel safe rows 50 as $$
#variable_conflict use_column
begin
    -- Usually no tick is younger than the moment: then this reads one or two
    -- rows a symbol, and plans no scan of ticks.
    if not exists (
        select
        from market.quotes as q
        where q.ts > quotes_at.as_of
    ) then
        return query
        select
            q.symbol, q.trade_date, q.ts, q.received_at, h.heard_at, q.source,
            q.seq, q.contract, q.last, q.bid, q.ask, q.last_size, q.bid_size,
            q.ask_size, q.volume,
            q.volume_date, h.age_ms, h.heard_age_ms, h.state
        from market.quotes as q
        left join market.heard as w
            on w.symbol = q.symbol and w.source = q.source
        cross join lateral market._ages(
            quotes_at.as_of, q.received_at, w.heard_from, w.heard_at
        ) as h;
    else
        return query
        select
            s.symbol, n.trade_date, n.ts, n.received_at, h.heard_at, n.source,
            n.seq, coalesce(n.contract, p.contract), coalesce(n.last, p.last),
            coalesce(n.bid, p.bid), coalesce(n.ask, p.ask),
            coalesce(n.last_size, p.last_size), coalesce(n.bid_size,
            p.bid_size), coalesce(n.ask_size, p.ask_size), coalesce(n.volume,
            p.volume),
            case
                when n.volume is not null then n.trade_date
                when p.volume is not null then p.trade_date
            end,
            h.age_ms, h.heard_age_ms, h.state
        from reference.series as s
        cross join lateral market._last_values_at(
            s.symbol, quotes_at.as_of
        ) as n
        left join lateral (
            select k.*
            from market.last_values as k
            where k.symbol = s.symbol and k.trade_date < n.trade_date
            order by k.trade_date desc
            limit 1
        ) as p on true
        left join market.heard as w
            on w.symbol = s.symbol and w.source = n.source
        cross join lateral market._ages(
            quotes_at.as_of, n.received_at, w.heard_from, w.heard_at
        ) as h;
    end if;
end $$;

comment on function market.quotes_at(timestamptz) is
    'The quote of each symbol as of a moment: for each field the newest value '
    'that is not null with ts <= as_of, of the trade date of the newest tick, '
    'else of the one before. age_ms counts from when the newest tick was '
    'received, heard_age_ms from when its source last looked; state is FRESH, '
    'STALE or DEAD by reference.quote_limits.';

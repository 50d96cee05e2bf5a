-- Stage     30 ticks
-- Quotes of the newest ticks, and when sources last looked; marks beside them.
-- Last values of ticks, merged in any order: the value of the later tick wins,
-- by (ts, seq, source).
-- name: merge_last_values
insert into market.last_values as k
select v.*
from jsonb_populate_recordset(
    null::market.last_values, %(values)s::jsonb
) as v
order by v.symbol, v.trade_date
on conflict (symbol, trade_date) do update set
    first_ts = least(k.first_ts, excluded.first_ts),
    ts = greatest(k.ts, excluded.ts),
    seq = case
        when (excluded.ts, excluded.seq, excluded.source)
            > (k.ts, k.seq, k.source)
            then excluded.seq else k.seq
    end,
    source = case
        when (excluded.ts, excluded.seq, excluded.source)
            > (k.ts, k.seq, k.source)
            then excluded.source else k.source
    end,
    received_at = case
        when (excluded.ts, excluded.seq, excluded.source)
            > (k.ts, k.seq, k.source)
            then excluded.received_at else k.received_at
    end,
    contract = case
        when k.contract_key is null or excluded.contract_key > k.contract_key
            then excluded.contract else k.contract
    end,
    contract_key = greatest(k.contract_key, excluded.contract_key),
    last = case
        when k.last_key is null or excluded.last_key > k.last_key
            then excluded.last else k.last
    end,
    last_key = greatest(k.last_key, excluded.last_key),
    bid = case
        when k.bid_key is null or excluded.bid_key > k.bid_key
            then excluded.bid else k.bid
    end,
    bid_key = greatest(k.bid_key, excluded.bid_key),
    ask = case
        when k.ask_key is null or excluded.ask_key > k.ask_key
            then excluded.ask else k.ask
    end,
    ask_key = greatest(k.ask_key, excluded.ask_key),
    last_size = case
        when k.last_size_key is null or excluded.last_size_key > k.last_size_key
            then excluded.last_size else k.last_size
    end,
    last_size_key = greatest(k.last_size_key, excluded.last_size_key),
    bid_size = case
        when k.bid_size_key is null or excluded.bid_size_key > k.bid_size_key
            then excluded.bid_size else k.bid_size
    end,
    bid_size_key = greatest(k.bid_size_key, excluded.bid_size_key),
    ask_size = case
        when k.ask_size_key is null or excluded.ask_size_key > k.ask_size_key
            then excluded.ask_size else k.ask_size
    end,
    ask_size_key = greatest(k.ask_size_key, excluded.ask_size_key),
    volume = case
        when k.volume_key is null or excluded.volume_key > k.volume_key
            then excluded.volume else k.volume
    end,
    volume_key = greatest(k.volume_key, excluded.volume_key),
    open = case
        when k.open_key is null or excluded.open_key < k.open_key
            then excluded.open else k.open
    end,
    open_key = least(k.open_key, excluded.open_key),
    high = greatest(k.high, excluded.high),
    low = least(k.low, excluded.low);

-- name: own_date_symbols
select reference.own_date_symbols() as symbols;

-- name: last_values_of
select jsonb_agg(v)::text as found
from market.last_values_of(%(symbol)s::text, %(trade_date)s::date) as v;

-- The trade dates of series, by both ways to count them, except those of which
-- ticks were dropped.
-- name: days_of_ticks
select distinct
    d.symbol,
    d.trade_date
from (
    select
        b.symbol,
        unnest(array[
            (b.bar_start at time zone 'America/New_York')::date,
            reference.trade_date(b.bar_start)
        ]) as trade_date
    from market._bars_1h as b
    where b.symbol = any(%(symbols)s::text[])
) as d
where not exists (
    select from market.dropped_ranges as x
    where x.trade_date between d.trade_date - 1 and d.trade_date + 1
)
order by d.symbol, d.trade_date;

-- name: remove_last_values
delete from market.last_values as k
where
    k.symbol = %(symbol)s::text
    and k.trade_date = %(trade_date)s::date;

-- name: quote_limits
select
    l.stale_after,
    l.dead_after
from reference.quote_limits as l;

-- name: set_quote_limits
update reference.quote_limits
set
    stale_after = %(stale_after)s::interval,
    dead_after = %(dead_after)s::interval
where (stale_after, dead_after)
    is distinct from (%(stale_after)s::interval, %(dead_after)s::interval);

-- name: basis
select
    b.symbol,
    b.basis,
    b.basis_kind,
    b.basis_source
from market.basis(market.moment(%(as_of)s::timestamptz)) as b;

-- name: moment
select market.moment(%(as_of)s::timestamptz) as moment;

-- name: board
select m.*
from market.quote_metrics(%(as_of)s::timestamptz) as m;

-- The closes of the minutes with a trade in the hour before a moment.
-- name: last_hours
select
    b.symbol,
    array_agg(b.close order by b.bar_start) as closes
from market.bars_1m as b
where
    b.symbol = any(%(symbols)s::text[])
    and b.bar_start >= %(as_of)s::timestamptz - interval '1 hour'
    and b.bar_start < %(as_of)s::timestamptz
    and b.close is not null
group by b.symbol;

-- A pause begins a new stretch of looking.
-- name: merge_heard
insert into market.heard as h (symbol, source, heard_from, heard_at)
select
    u.symbol,
    u.source,
    u.heard_from,
    u.heard_at
from unnest(
    %(symbols)s::text[], %(sources)s::text[], %(since)s::timestamptz[],
    %(last)s::timestamptz[]
) as u (symbol, source, heard_from, heard_at)
order by u.symbol, u.source
on conflict (symbol, source) do update set
    heard_from = case
        when excluded.heard_from > h.heard_at + %(pause)s::interval
            then excluded.heard_from else h.heard_from
    end,
    heard_at = excluded.heard_at
    where excluded.heard_at > h.heard_at;

-- One mark. Missing values keep their old ones; a late mark fills only values
-- that no later mark gave. Each version is kept.
-- name: merge_mark
with merged as (
    insert into market.marks as m (
        symbol, trade_date, source, prev_close, settlement, open, high,
        low, open_interest, high_52w, low_52w, received_at
    )
    values (
        %(symbol)s::text, %(trade_date)s::date, %(source)s::text,
        %(prev_close)s::numeric,
        %(settlement)s::numeric,
        %(open)s::numeric,
        %(high)s::numeric,
        %(low)s::numeric,
        %(open_interest)s::bigint,
        %(high_52w)s::numeric,
        %(low_52w)s::numeric,
        %(received_at)s::timestamptz
    )
    on conflict (symbol, trade_date, source) do update set
        prev_close = case
            when excluded.received_at >= m.received_at
                then coalesce(excluded.prev_close, m.prev_close)
            else coalesce(m.prev_close, excluded.prev_close)
        end,
        settlement = case
            when excluded.received_at >= m.received_at
                then coalesce(excluded.settlement, m.settlement)
            else coalesce(m.settlement, excluded.settlement)
        end,
        open = case
            when excluded.received_at >= m.received_at
                then coalesce(excluded.open, m.open)
            else coalesce(m.open, excluded.open)
        end,
        high = case
            when excluded.received_at >= m.received_at
                then coalesce(excluded.high, m.high)
            else coalesce(m.high, excluded.high)
        end,
        low = case
            when excluded.received_at >= m.received_at
                then coalesce(excluded.low, m.low)
            else coalesce(m.low, excluded.low)
        end,
        open_interest = case
            when excluded.received_at >= m.received_at
                then coalesce(excluded.open_interest, m.open_interest)
            else coalesce(m.open_interest, excluded.open_interest)
        end,
        high_52w = case
            when excluded.received_at >= m.received_at
                then coalesce(excluded.high_52w, m.high_52w)
            else coalesce(m.high_52w, excluded.high_52w)
        end,
        low_52w = case
            when excluded.received_at >= m.received_at
                then coalesce(excluded.low_52w, m.low_52w)
            else coalesce(m.low_52w, excluded.low_52w)
        end,
        received_at = greatest(m.received_at, excluded.received_at),
        changed_at = now()
        where
            case
                when excluded.received_at >= m.received_at
                    then
                        (
                            coalesce(excluded.prev_close, m.prev_close),
                            coalesce(excluded.settlement, m.settlement),
                            coalesce(excluded.open, m.open),
                            coalesce(excluded.high, m.high),
                            coalesce(excluded.low, m.low),
                            coalesce(excluded.open_interest, m.open_interest),
                            coalesce(excluded.high_52w, m.high_52w),
                            coalesce(excluded.low_52w, m.low_52w)
                        ) is distinct from (
                            m.prev_close,
                            m.settlement,
                            m.open,
                            m.high,
                            m.low,
                            m.open_interest,
                            m.high_52w,
                            m.low_52w
                        )
                else
                    (
                        coalesce(m.prev_close, excluded.prev_close),
                        coalesce(m.settlement, excluded.settlement),
                        coalesce(m.open, excluded.open),
                        coalesce(m.high, excluded.high),
                        coalesce(m.low, excluded.low),
                        coalesce(m.open_interest, excluded.open_interest),
                        coalesce(m.high_52w, excluded.high_52w),
                        coalesce(m.low_52w, excluded.low_52w)
                    ) is distinct from (
                        m.prev_close,
                        m.settlement,
                        m.open,
                        m.high,
                        m.low,
                        m.open_interest,
                        m.high_52w,
                        m.low_52w
                    )
            end
    returning m.*
)

insert into market.mark_versions as v
select merged.*
from merged
on conflict (symbol, trade_date, source, received_at) do update set
    prev_close = coalesce(excluded.prev_close, v.prev_close),
    settlement = coalesce(excluded.settlement, v.settlement),
    open = coalesce(excluded.open, v.open),
    high = coalesce(excluded.high, v.high),
    low = coalesce(excluded.low, v.low),
    open_interest = coalesce(excluded.open_interest, v.open_interest),
    high_52w = coalesce(excluded.high_52w, v.high_52w),
    low_52w = coalesce(excluded.low_52w, v.low_52w);

-- Which source claims which symbol: the quote is its own. Silent sources are
-- in the answer too, tapes only where they have a symbol.
-- name: speaking_sources
select
    s.source,
    s.kind,
    s.priority,
    s.description,
    coalesce(
        array_agg(q.symbol order by i.sort_order, q.symbol)
        filter (where q.symbol is not null),
        '{}'
    ) as symbols,
    max(q.heard_at) as heard_at,
    (array_agg(q.state order by q.heard_at desc nulls last))[1] as state
from reference.sources as s
left join market.quotes_at(%(as_of)s::timestamptz) as q on q.source = s.source
left join reference.series as r on r.symbol = q.symbol
left join reference.instruments as i on i.symbol = r.root
where s.kind <> 'tape' or q.symbol is not null
group by s.source, s.kind, s.priority, s.description
order by count(q.symbol) desc, s.priority, s.source;

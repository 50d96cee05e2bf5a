-- Stage     30 ticks, 10 reference
-- Queries of the API alone.

-- name: source_preferences
select
    p.symbol,
    p.source,
    p.priority
from reference.source_preferences as p;

-- The newest ticks as the JSON array that the API gives, oldest first: made
-- here because a page of 10,000 made in Python would delay every stream. A
-- price has as many decimals as it needs and at least its instrument's.
-- name: ticks_page
select
    coalesce(
        json_agg(
            json_build_object(
                'ts',
                to_char(
                    t.ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
                ),
                'symbol', t.symbol,
                'seq', t.seq,
                'source', t.source,
                'contract', t.contract,
                'last',
                round(
                    t.last,
                    greatest(min_scale(t.last), %(decimals)s::integer)
                )::text,
                'bid',
                round(
                    t.bid, greatest(min_scale(t.bid), %(decimals)s::integer)
                )::text,
                'ask',
                round(
                    t.ask, greatest(min_scale(t.ask), %(decimals)s::integer)
                )::text,
                'last_size', t.last_size,
                'bid_size', t.bid_size,
                'ask_size', t.ask_size,
                'side', t.side,
                'volume', t.volume,
                'volume_delta', t.volume_delta,
                'is_trade', t.is_trade,
                'is_sampled', t.is_sampled,
                'received_at',
                to_char(
                    t.received_at at time zone 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
                ),
                'created_at',
                to_char(
                    t.created_at at time zone 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
                ),
                'trade_date', t.trade_date
            )
            order by t.ts, t.seq, t.source
        ),
        '[]'::json
    )::text as page,
    (array_agg(
        concat_ws(
            ',',
            to_char(t.ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            t.seq,
            t.source
        )
        order by t.ts, t.seq, t.source
    ))[1] as cursor
from market.ticks_between(
    %(symbol)s::text, %(ts_from)s::timestamptz, %(ts_to)s::timestamptz,
    %(limit)s::integer, %(before_ts)s::timestamptz, %(before_seq)s::bigint,
    %(before_source)s::text
) as t;

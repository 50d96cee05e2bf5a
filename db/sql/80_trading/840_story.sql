-- Stage     80 trading
-- Makes     trade.trade_story
-- Kind      view
-- Grain     one row a step of an order's story
-- Known at  at
-- Reads     market.bars_1m, market.ticks, model.predictions, store.features_1m,
--           trade.fills, trade.notes, trade.order_events, trade.orders,
--           trade.signals, trade.verdicts
-- Nulls     at where a step has no moment
-- Why       Why an order was placed or refused, on what it rested and what
--           became of it, is one select, in the order of the story.

create view trade.trade_story as
with story as (
    select
        o.order_id,
        1 as step,
        'signal' as kind,
        s.at,
        concat_ws(
            ' ', s.origin, s.side, s.symbol, s.horizon,
            'confidence ' || trim_scale(s.confidence),
            'target ' || trim_scale(s.target), 'stop ' || trim_scale(s.stop),
            'by ' || s.who
        ) as what,
        to_jsonb(s) as detail
    from trade.orders as o
    inner join trade.signals as s on s.signal_id = o.signal_id
    union all
    select
        o.order_id,
        2,
        'tick',
        t.ts,
        concat_ws(
            ' ', t.symbol, 'last ' || trim_scale(t.last),
            'bid ' || trim_scale(t.bid), 'ask ' || trim_scale(t.ask),
            'of ' || t.source
        ),
        to_jsonb(t)
    from trade.orders as o
    cross join lateral (
        select k.*
        from market.ticks as k
        where k.symbol in (o.symbol, o.series) and k.ts <= o.placed_at
            and k.ts > o.placed_at - interval '4 days'
        order by k.ts desc, k.seq desc
        limit 1
    ) as t
    union all
    select
        o.order_id,
        3,
        'bar',
        b.known_at,
        concat_ws(
            ' ', b.symbol, '1m', 'open ' || trim_scale(b.open),
            'high ' || trim_scale(b.high), 'low ' || trim_scale(b.low),
            'close ' || trim_scale(b.close), 'volume ' || b.volume
        ),
        to_jsonb(b)
    from trade.orders as o
    cross join lateral (
        select k.*
        from market.bars_1m as k
        where
            k.symbol in (o.symbol, o.series)
            and k.bar_start > o.placed_at - interval '1 hour'
            and k.bar_start <= o.placed_at - interval '61 seconds'
        order by k.bar_start desc, k.symbol = o.symbol desc
        limit 1
    ) as b
    union all
    select
        o.order_id,
        4,
        'features',
        f.bar_start + interval '61 seconds',
        format('features of %s as they are stored', f.symbol),
        jsonb_strip_nulls(to_jsonb(f))
    from trade.orders as o
    cross join lateral (
        select k.*
        from store.features_1m as k
        where
            k.symbol in (o.symbol, o.series)
            and k.bar_start > o.placed_at - interval '1 hour'
            and k.bar_start <= o.placed_at - interval '61 seconds'
        order by k.bar_start desc, k.symbol = o.symbol desc
        limit 1
    ) as f
    union all
    select
        o.order_id,
        5,
        'prediction',
        p.written_at,
        concat_ws(
            ' ', 'model ' || p.model_id, p.symbol,
            'value ' || round(p.value::numeric, 6),
            'probability ' || round(p.probability::numeric, 4),
            'refused: ' || p.refused
        ),
        to_jsonb(p)
    from trade.orders as o
    cross join lateral (
        select distinct on (k.model_id) k.*
        from model.predictions as k
        where
            k.symbol in (o.symbol, o.series)
            and k.bar_start > o.placed_at - interval '1 hour'
            and k.bar_start < o.placed_at
            and k.written_at <= o.placed_at
        order by k.model_id, k.bar_start desc, k.revision desc
    ) as p
    union all
    select
        o.order_id,
        6,
        'verdict',
        v.at,
        case
            when v.is_allowed then 'allowed'
            else concat_ws(
                ' ', 'refused by', v.rule, ':', v.reason,
                'limit ' || trim_scale(v.limit_value),
                'figure ' || trim_scale(v.figure)
            )
        end,
        to_jsonb(v)
    from trade.orders as o
    inner join trade.verdicts as v on v.verdict_id = o.verdict_id
    union all
    select
        o.order_id,
        7,
        'order',
        o.placed_at,
        concat_ws(
            ' ', o.account_id, o.side, o.quantity, o.series, o.type,
            'limit ' || trim_scale(o.limit_price),
            'stop ' || trim_scale(o.stop_price),
            'trail ' || trim_scale(o.trail_by), o.time_in_force, 'by ' || o.who
        ),
        to_jsonb(o)
    from trade.orders as o
    union all
    select
        e.order_id,
        8,
        'event',
        e.at,
        concat_ws(
            ' ', e.kind, e.from_status || ' to', e.to_status,
            e.quantity, 'at ' || trim_scale(e.price), e.reason, 'by ' || e.who
        ),
        to_jsonb(e)
    from trade.order_events as e
    union all
    select
        f.order_id,
        9,
        'fill',
        f.at,
        concat_ws(
            ' ', f.side, f.quantity, f.series, 'at ' || trim_scale(f.price),
            'bid ' || trim_scale(f.bid), 'ask ' || trim_scale(f.ask),
            'after ' || trim_scale(f.latency_ms) || ' ms',
            'slippage ' || trim_scale(f.slippage),
            'commission ' || f.commission
        ),
        to_jsonb(f)
    from trade.fills as f
    union all
    select
        o.order_id,
        10,
        'outcome',
        o.updated_at,
        concat_ws(
            ' ', o.status, o.filled_quantity, 'of', o.quantity,
            'at ' || trim_scale(o.average_price), o.reason,
            'realised ' || r.realised, 'commission ' || r.commission,
            'slippage ' || r.slippage
        ),
        jsonb_build_object(
            'status', o.status, 'filled_quantity', o.filled_quantity,
            'average_price', o.average_price, 'reason', o.reason,
            'realised', r.realised, 'realised_fifo', r.realised_fifo,
            'commission', r.commission, 'slippage', r.slippage,
            'position', r.position
        )
    from trade.orders as o
    left join lateral (
        select
            round(sum(f.realised), 2) as realised,
            round(sum(f.realised_fifo), 2) as realised_fifo,
            sum(f.commission) as commission,
            round(sum(f.slippage * f.quantity * f.multiplier), 2) as slippage,
            (array_agg(f.position order by f.number desc))[1] as position
        from trade.fills as f
        where f.order_id = o.order_id
    ) as r on true
    union all
    select
        n.order_id,
        11,
        'note',
        n.at,
        concat_ws(': ', n.who, n.text),
        to_jsonb(n)
    from trade.notes as n
    where n.order_id is not null
)

select
    s.order_id,
    s.step,
    s.kind,
    s.at,
    s.what,
    s.detail
from story as s
order by s.order_id, s.step, s.at;

comment on view trade.trade_story is
    'The story of an order, a row a step: select * from trade_story where '
    'order_id = ''…''. Money is in the instrument''s currency.';
comment on column trade.trade_story.order_id is 'The order.';
comment on column trade.trade_story.step is
    'Number of the step in the order of a story: 1 signal, 2 tick, 3 bar, 4 '
    'features, 5 prediction, 6 verdict, 7 order, 8 event, 9 fill, 10 outcome, '
    '11 note.';
comment on column trade.trade_story.kind is
    'signal, tick, bar, features, prediction, verdict, order, event, fill, '
    'outcome or note.';
comment on column trade.trade_story.at is 'When it was so.';
comment on column trade.trade_story.what is 'It in one line.';
comment on column trade.trade_story.detail is 'All of it.';

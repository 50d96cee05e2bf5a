-- Stage     70 models
-- Makes     model.newest_predictions, model.outlook
-- Kind      view
-- Grain     one row a (champion, symbol); one row a (symbol, horizon)
-- Known at  known_at
-- Reads     model.aliases, model.predictions
-- Nulls     figures of a target that is not served, was refused, or is of an
--           older bar
-- Why       A signal wants side, size, risk and trust together: the newest
--           predictions of all targets, side by side.

create view model.newest_predictions as
select
    a.target,
    a.horizon,
    p.symbol,
    p.prediction_id,
    p.model_id,
    p.bar_start,
    p.revision,
    p.known_at,
    p.kind,
    p.value,
    p.probability,
    p.confidence,
    p.low,
    p.high,
    p.refused,
    p.latency_ms,
    p.written_at
from model.aliases as a
cross join unnest(a.symbols) as s (symbol)
cross join lateral (
    select n.*
    from model.predictions as n
    where n.model_id = a.version_id and n.symbol = s.symbol
    order by n.bar_start desc, n.revision desc
    limit 1
) as p
where a.alias = 'champion';

create view model.outlook as
with bars as (
    select
        n.symbol,
        n.horizon,
        max(n.bar_start) as bar_start
    from model.newest_predictions as n
    group by n.symbol, n.horizon
)

select
    b.symbol,
    b.horizon,
    b.bar_start,
    max(p.known_at) as known_at,
    bool_and(p.kind = 'live') as is_live,
    max(p.value) filter (where p.target = 'direction') as direction,
    max(p.value) filter (where p.target = 'magnitude') as magnitude,
    max(p.low) filter (where p.target = 'magnitude') as magnitude_low,
    max(p.high) filter (where p.target = 'magnitude') as magnitude_high,
    max(p.value) filter (where p.target = 'volatility') as volatility,
    max(r.value) as regime,
    coalesce(
        max(p.confidence) filter (where p.target = 'direction'),
        max(p.confidence) filter (where p.target = 'magnitude')
    ) as confidence,
    string_agg(
        p.target || ': ' || p.refused, '; ' order by p.target
    ) as refused,
    array_agg(p.model_id order by p.target) as model_ids
from bars as b
inner join model.newest_predictions as p
    on
        p.symbol = b.symbol
        and p.horizon = b.horizon
        and p.bar_start = b.bar_start
left join model.newest_predictions as r
    on r.symbol = b.symbol and r.target = 'regime'
group by b.symbol, b.horizon, b.bar_start;

comment on view model.newest_predictions is
    'The newest prediction of each champion, a row a symbol.';
comment on column model.newest_predictions.target is 'What is predicted.';
comment on column model.newest_predictions.horizon is 'How far ahead.';
comment on column model.newest_predictions.symbol is 'The series.';
comment on column model.newest_predictions.prediction_id is
    'Its number: model.predictions.';
comment on column model.newest_predictions.model_id is 'The champion.';
comment on column model.newest_predictions.bar_start is
    'First instant of the bar.';
comment on column model.newest_predictions.revision is
    'Above 1 where the bar changed after a prediction.';
comment on column model.newest_predictions.known_at is
    'First moment at which the bar may be used.';
comment on column model.newest_predictions.kind is
    'live, catch_up or changed.';
comment on column model.newest_predictions.value is
    'What was predicted; null where it was refused.';
comment on column model.newest_predictions.probability is
    'Its calibrated probability, 0 to 1.';
comment on column model.newest_predictions.confidence is
    'Probability that the side is right, 0 to 1.';
comment on column model.newest_predictions.low is
    'Lower end of the 80% interval.';
comment on column model.newest_predictions.high is
    'Upper end of the 80% interval.';
comment on column model.newest_predictions.refused is
    'Why there is no prediction.';
comment on column model.newest_predictions.latency_ms is
    'From known_at until it was written, ms.';
comment on column model.newest_predictions.written_at is
    'When it was written, by the database''s clock.';

comment on view model.outlook is
    'What the champions expect of each symbol: all targets of the newest bar '
    'in one row a horizon.';
comment on column model.outlook.symbol is 'The series.';
comment on column model.outlook.horizon is 'How far ahead.';
comment on column model.outlook.bar_start is
    'First instant of the newest bar that was predicted at.';
comment on column model.outlook.known_at is
    'First moment at which that bar may be used.';
comment on column model.outlook.is_live is
    'Whether every figure was predicted as the bar closed.';
comment on column model.outlook.direction is
    '1 up, -1 down, 0 within costs; null where it is not served or refused.';
comment on column model.outlook.magnitude is
    'Expected log of the mid at the horizon over the mid now, ratio.';
comment on column model.outlook.magnitude_low is
    'Lower end of its 80% interval.';
comment on column model.outlook.magnitude_high is
    'Upper end of its 80% interval.';
comment on column model.outlook.volatility is
    'Expected root of the summed squared log returns up to the horizon.';
comment on column model.outlook.regime is
    'Regime of the newest daily bar of the symbol, the calmest 0.';
comment on column model.outlook.confidence is
    'Probability that the side is right, 0 to 1: that of the direction, else '
    'that of the magnitude''s sign.';
comment on column model.outlook.refused is
    'Why a target has no figure, a part a target.';
comment on column model.outlook.model_ids is
    'The models that were asked, by target.';

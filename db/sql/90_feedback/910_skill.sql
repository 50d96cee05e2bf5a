-- Stage     90 feedback
-- Makes     feedback.due_at(text, timestamptz), feedback.predictions,
--           feedback.skill_daily, feedback.calibration,
--           feedback.calibration_decay
-- Kind      function and view
-- Grain     one value; one row a prediction; one row a (model, symbol, trade
--           date); one row a (model, bin); one row a model
-- Known at  label_end
-- Reads     feedback.outcomes, model.predictions, model.versions,
--           reference.trade_date(timestamptz), studies.wilson(bigint, bigint)
-- Nulls     rates without an outcome
-- Why       How good a model is while it is served. Only first predictions
--           count: a revision saw what a decision could not have seen. Labels
--           of minutes that overlap are one observation a horizon, so rates
--           are less certain than their count says. The probability of a
--           regime is of the day itself, not of the one after, so nothing holds
--           it to what happened.

create function feedback.due_at(horizon text, known_at timestamptz)
returns timestamptz
language sql immutable strict parallel safe
return case horizon
    when '1m' then known_at + interval '1 minute'
    when '5m' then known_at + interval '5 minutes'
    when '15m' then known_at + interval '15 minutes'
    when '60m' then known_at + interval '1 hour'
    else
        (reference.trade_date(known_at) + time '17:00')
        at time zone 'America/Chicago'
end;

create view feedback.predictions as
select
    p.prediction_id,
    p.model_id,
    v.target,
    v.horizon,
    p.symbol,
    p.bar_start,
    p.revision,
    p.known_at,
    p.kind,
    reference.trade_date(p.bar_start) as trade_date,
    p.value,
    p.probability,
    p.confidence,
    p.low,
    p.high,
    p.refused,
    p.latency_ms,
    o.label_end,
    o.actual,
    o.is_hit,
    o.is_inside,
    o.loss,
    o.reason as no_label
from model.predictions as p
inner join model.versions as v on v.id = p.model_id
left join feedback.outcomes as o on o.prediction_id = p.prediction_id;

create view feedback.skill_daily as
select
    s.model_id,
    s.target,
    s.horizon,
    s.symbol,
    s.trade_date,
    s.predictions,
    s.live,
    s.refused,
    s.outcomes,
    s.hits,
    s.hits::float8 / nullif(s.judged, 0) as hit_rate,
    w.low::float8 as hit_rate_low,
    w.high::float8 as hit_rate_high,
    s.expected,
    s.loss,
    s.latency_ms
from (
    select
        p.model_id,
        p.target,
        p.horizon,
        p.symbol,
        p.trade_date,
        count(p.value) as predictions,
        count(*) filter (where p.kind = 'live') as live,
        count(p.refused) as refused,
        count(p.actual) as outcomes,
        count(*) filter (where p.is_hit) as hits,
        count(p.is_hit) as judged,
        avg(p.probability) filter (
            where p.actual is not null and p.target <> 'regime'
        ) as expected,
        avg(p.loss) as loss,
        percentile_cont(0.5) within group (order by p.latency_ms)
            filter (where p.kind = 'live') as latency_ms
    from feedback.predictions as p
    where p.revision = 1
    group by p.model_id, p.target, p.horizon, p.symbol, p.trade_date
) as s
cross join lateral studies.wilson(s.hits, s.judged) as w;

create view feedback.calibration as
select
    p.model_id,
    p.target,
    p.horizon,
    least(floor(p.probability * 10)::integer, 9) + 1 as bin,
    count(*) as outcomes,
    avg(p.probability) as predicted,
    avg(p.is_hit::integer)::float8 as happened
from feedback.predictions as p
where
    p.revision = 1
    and p.probability is not null
    and p.is_hit is not null
    and p.target <> 'regime'
group by p.model_id, p.target, p.horizon, 4;

create view feedback.calibration_decay as
with newest as (
    select
        v.id as model_id,
        v.target,
        v.horizon,
        n.expected,
        n.happened
    from model.versions as v
    cross join lateral (
        select
            coalesce(p.probability, 0.8) as expected,
            coalesce(p.is_inside, p.is_hit)::integer as happened
        from model.predictions as m
        inner join feedback.predictions as p
            on p.prediction_id = m.prediction_id
        where
            m.model_id = v.id
            and m.revision = 1
            and coalesce(p.is_inside, p.is_hit) is not null
        order by m.bar_start desc, m.symbol
        limit 500
    ) as n
    where v.target <> 'regime'
),

sums as (
    select
        n.model_id,
        n.target,
        n.horizon,
        count(*) as outcomes,
        avg(n.expected) as expected,
        avg(n.happened)::float8 as happened,
        -- Labels that overlap are one observation.
        sqrt(
            sum(n.expected * (1 - n.expected)) * case n.horizon
                when '1m' then 1
                when '5m' then 5
                when '15m' then 15
                when '60m' then 60
                else 300
            end
        ) / count(*) as error
    from newest as n
    group by n.model_id, n.target, n.horizon
)

select
    s.model_id,
    s.target,
    s.horizon,
    s.outcomes,
    s.expected,
    s.happened,
    s.happened - s.expected as gap,
    s.error,
    case
        when s.outcomes < 200 then 'unknown'
        when
            abs(s.happened - s.expected) >= greatest(0.05, 4 * s.error)
            then 'decayed'
        when
            abs(s.happened - s.expected) >= greatest(0.03, 3 * s.error)
            then 'warns'
        else 'well'
    end as level
from sums as s;

comment on function feedback.due_at(text, timestamptz) is
    'When the outcome of a prediction is due: its horizon after known_at; of '
    'the close the end of the exchange''s day.';

comment on view feedback.predictions is
    'Every prediction beside what happened.';
comment on column feedback.predictions.prediction_id is
    'Its number: model.predictions.';
comment on column feedback.predictions.model_id is
    'The fitted model: model.versions.';
comment on column feedback.predictions.target is 'What is predicted.';
comment on column feedback.predictions.horizon is 'How far ahead.';
comment on column feedback.predictions.symbol is 'The series.';
comment on column feedback.predictions.bar_start is
    'First instant of the bar.';
comment on column feedback.predictions.revision is
    'Above 1 where the bar changed after a prediction.';
comment on column feedback.predictions.known_at is
    'First moment at which the bar may be used.';
comment on column feedback.predictions.kind is 'live, catch_up or changed.';
comment on column feedback.predictions.trade_date is
    'The exchange''s day of the bar.';
comment on column feedback.predictions.value is
    'What was predicted; null where it was refused.';
comment on column feedback.predictions.probability is
    'Its calibrated probability, 0 to 1.';
comment on column feedback.predictions.confidence is
    'Probability that the side is right, 0 to 1.';
comment on column feedback.predictions.low is
    'Lower end of the 80% interval.';
comment on column feedback.predictions.high is
    'Upper end of the 80% interval.';
comment on column feedback.predictions.refused is
    'Why there is no prediction.';
comment on column feedback.predictions.latency_ms is
    'From known_at until it was written, ms.';
comment on column feedback.predictions.label_end is
    'First moment at which the outcome was known; null: not yet, or none.';
comment on column feedback.predictions.actual is 'What happened.';
comment on column feedback.predictions.is_hit is
    'Whether it came true; null: not known, or the mid did not move.';
comment on column feedback.predictions.is_inside is
    'Whether actual is inside low and high.';
comment on column feedback.predictions.loss is
    'Its loss: see feedback.outcomes.';
comment on column feedback.predictions.no_label is
    'Why there will be no outcome.';

comment on view feedback.skill_daily is
    'How the models did, a row a symbol and trade date: first predictions '
    'alone.';
comment on column feedback.skill_daily.model_id is
    'The fitted model: model.versions.';
comment on column feedback.skill_daily.target is 'What is predicted.';
comment on column feedback.skill_daily.horizon is 'How far ahead.';
comment on column feedback.skill_daily.symbol is 'The series.';
comment on column feedback.skill_daily.trade_date is 'The exchange''s day.';
comment on column feedback.skill_daily.predictions is
    'Predictions that were made.';
comment on column feedback.skill_daily.live is
    'Rows that were written as the bar closed, refused ones too.';
comment on column feedback.skill_daily.refused is
    'Bars without a prediction, for a reason.';
comment on column feedback.skill_daily.outcomes is
    'Predictions whose outcome is known.';
comment on column feedback.skill_daily.hits is 'Those that came true.';
comment on column feedback.skill_daily.hit_rate is
    'Hits over outcomes that are hit or miss, 0 to 1.';
comment on column feedback.skill_daily.hit_rate_low is
    'Lower end of Wilson''s 95% interval of the hit rate.';
comment on column feedback.skill_daily.hit_rate_high is
    'Upper end of that interval.';
comment on column feedback.skill_daily.expected is
    'Mean probability that was predicted: what the hit rate should be; null of '
    'regimes.';
comment on column feedback.skill_daily.loss is
    'Mean loss: see feedback.outcomes.';
comment on column feedback.skill_daily.latency_ms is
    'Median from known_at until it was written, ms, of live ones.';

comment on view feedback.calibration is
    'How often what was predicted with a probability came true, by tenths of '
    'the probability.';
comment on column feedback.calibration.model_id is
    'The fitted model: model.versions.';
comment on column feedback.calibration.target is 'What is predicted.';
comment on column feedback.calibration.horizon is 'How far ahead.';
comment on column feedback.calibration.bin is
    'The tenth: 1 is 0 to 0.1, 10 is 0.9 to 1.';
comment on column feedback.calibration.outcomes is 'Outcomes in it.';
comment on column feedback.calibration.predicted is
    'Mean probability that was predicted.';
comment on column feedback.calibration.happened is
    'How often it came true, 0 to 1.';

comment on view feedback.calibration_decay is
    'Whether the newest 500 outcomes of a model come true as often as it says.';
comment on column feedback.calibration_decay.model_id is
    'The fitted model: model.versions.';
comment on column feedback.calibration_decay.target is 'What is predicted.';
comment on column feedback.calibration_decay.horizon is 'How far ahead.';
comment on column feedback.calibration_decay.outcomes is
    'Outcomes that are compared, 500 at most.';
comment on column feedback.calibration_decay.expected is
    'Mean probability of a direction; 0.8 of an interval.';
comment on column feedback.calibration_decay.happened is
    'How often it came true, or was inside the interval.';
comment on column feedback.calibration_decay.gap is
    'happened - expected.';
comment on column feedback.calibration_decay.error is
    'Standard error of happened, labels that overlap taken as one.';
comment on column feedback.calibration_decay.level is
    'well; warns: the gap is 0.03 and 3 errors or more; decayed: 0.05 and 4; '
    'unknown under 200 outcomes.';

-- Stage     70 models
-- What the served models predict, and what becomes of it.

-- One job predicts; another waits until it ends.
-- name: hold_inference
select pg_try_advisory_lock(7405153) as is_held;

-- name: notify_features
select pg_notify('thor_features', '') as done;

-- name: listen_features
listen thor_features;

-- The models that are served, with the set that each is to be shown.
-- name: served_models
select
    a.target,
    a.horizon,
    a.symbols,
    a.version_id,
    s.width,
    s.names,
    s.name as set_name,
    v.set_hash
from model.aliases as a
inner join model.versions as v on v.id = a.version_id
left join store.feature_sets as s on s.hash = v.set_hash
where a.alias = 'champion'
order by a.target, a.horizon, a.symbols;

-- name: model_profiles
select
    p.feature,
    p.place,
    p.is_used,
    p.rows,
    p.nulls,
    p.low,
    p.high
from model.profiles as p
where p.model_id = %(model_id)s::bigint
order by p.place;

-- name: add_profile
insert into model.profiles (
    model_id, feature, place, is_used, rows, nulls, low, high, edges, shares,
    usual_psi
)
values (
    %(model_id)s::bigint, %(feature)s::text, %(place)s::integer,
    %(is_used)s::boolean, %(rows)s::bigint, %(nulls)s::bigint,
    %(low)s::float8, %(high)s::float8, %(edges)s::float8[],
    %(shares)s::float8[], %(usual_psi)s::float8
);

-- The clock of the market: that of the source that is furthest.
-- name: inference_clock
select
    max(c.ts) as ts,
    clock_timestamp() as now,
    coalesce(
        max(c.changed_at) > clock_timestamp() - interval '10 seconds', false
    ) as is_running,
    -- A recording's clock is in the past.
    case
        when
            (
                select c.changed_at - c.ts
                from market.source_clocks as c
                order by c.ts desc
                limit 1
            ) > interval '1 hour'
            then
                (
                    select c.changed_at - c.ts
                    from market.source_clocks as c
                    order by c.ts desc
                    limit 1
                )
        else interval '0 seconds'
    end as behind
from market.source_clocks as c;

-- The first and the last bar that was predicted for a question, by any model.
-- name: predicted_bounds
select
    min(p.bar_start) as first,
    max(p.bar_start) as last
from model.versions as v
inner join model.predictions as p on p.model_id = v.id
where
    v.target = %(target)s::text
    and v.horizon = %(horizon)s::text
    and v.symbols = %(symbols)s::text[];

-- name: newest_feature_row
select max(r.bar_start) as bar_start
from unnest(%(symbols)s::text[]) as n (symbol)
cross join lateral (
    select max(a.bar_start) as bar_start
    from store.features_1m as a
    where a.symbol = n.symbol and %(width)s::text = '1m'
    union all
    select max(b.bar_start)
    from store.features_5m as b
    where b.symbol = n.symbol and %(width)s::text = '5m'
    union all
    select max(c.bar_start)
    from store.features_1h as c
    where c.symbol = n.symbol and %(width)s::text = '1h'
) as r;

-- The rows of a set that no model of the question was shown as they are now.
-- name: rows_to_predict_text
select
    format(
        'select f.symbol, f.bar_start, f.changed_at, '
        'array[%%s]::float8[] as shown, p.changed_at is not null as is_changed '
        'from store.%%I as f '
        'left join lateral ('
        'select max(o.row_changed_at) as changed_at '
        'from model.predictions as o '
        'inner join model.versions as v on v.id = o.model_id '
        'where o.symbol = f.symbol and o.bar_start = f.bar_start '
        'and v.target = {target}::text and v.horizon = {horizon}::text '
        'and v.symbols = {symbols}::text[]) as p on true '
        'where f.symbol = any({symbols}::text[]) '
        'and f.bar_start >= {ts_from}::timestamptz '
        'and (p.changed_at is null or p.changed_at < f.changed_at) '
        'order by f.bar_start, f.symbol limit 2000',
        (
            select string_agg(format('f.%%I', u.name), ', ' order by u.place)
            from
                unnest(%(names)s::text[]) with ordinality as u (name, place)
        ),
        'features_' || %(width)s::text
    ) as rows_out;

-- The row that was known at a moment, of each symbol, as it is now.
-- name: row_at_text
select
    format(
        'select f.* from unnest({symbols}::text[]) as n (symbol) '
        'cross join lateral (select f.symbol, f.bar_start, f.changed_at, '
        'array[%%s]::float8[] as shown from store.%%I as f '
        'where f.symbol = n.symbol and f.bar_start <= {as_of}::timestamptz '
        '- %%L::interval - interval ''1 second'' '
        'order by f.bar_start desc limit 1) as f',
        (
            select string_agg(format('f.%%I', u.name), ', ' order by u.place)
            from
                unnest(%(names)s::text[]) with ordinality as u (name, place)
        ),
        'features_' || %(width)s::text,
        feat.length(%(width)s::text)
    ) as rows_out;

-- name: gaps_within
select
    g.symbol,
    g.gap_start,
    g.gap_end
from market.gaps as g
where
    g.symbol = any(%(symbols)s::text[])
    and g.gap_end > %(ts_from)s::timestamptz
    and g.gap_start < %(ts_to)s::timestamptz
    and g.filled_by is null;

-- Bars that other series have, and a symbol has not while its market is open.
-- name: bars_without_row
with starts as (
    select distinct a.bar_start
    from store.features_1m as a
    where
        %(width)s::text = '1m'
        and a.bar_start >= %(ts_from)s::timestamptz
        and a.bar_start < %(ts_to)s::timestamptz
    union
    select distinct b.bar_start
    from store.features_5m as b
    where
        %(width)s::text = '5m'
        and b.bar_start >= %(ts_from)s::timestamptz
        and b.bar_start < %(ts_to)s::timestamptz
    union
    select distinct c.bar_start
    from store.features_1h as c
    where
        %(width)s::text = '1h'
        and c.bar_start >= %(ts_from)s::timestamptz
        and c.bar_start < %(ts_to)s::timestamptz
)

select
    s.symbol,
    b.bar_start
from starts as b
cross join unnest(%(symbols)s::text[]) as s (symbol)
inner join reference.series as r on r.symbol = s.symbol
inner join reference.instruments as i on i.symbol = r.root
inner join reference.sessions as d
    on
        d.calendar = i.calendar
        and b.bar_start >= d.open_at
        and b.bar_start < d.close_at
where
    not exists (
        select from store.features_1m as f
        where
            %(width)s::text = '1m'
            and f.symbol = s.symbol
            and f.bar_start = b.bar_start
        union all
        select from store.features_5m as f
        where
            %(width)s::text = '5m'
            and f.symbol = s.symbol
            and f.bar_start = b.bar_start
        union all
        select from store.features_1h as f
        where
            %(width)s::text = '1h'
            and f.symbol = s.symbol
            and f.bar_start = b.bar_start
    )
    and not exists (
        select
        from model.predictions as p
        inner join model.versions as v on v.id = p.model_id
        where
            p.symbol = s.symbol
            and p.bar_start = b.bar_start
            and v.target = %(target)s::text
            and v.horizon = %(horizon)s::text
            and v.symbols = %(asked)s::text[]
    )
order by b.bar_start, s.symbol
limit 2000;

-- A row that was predicted as it is now is left alone, by any job.
-- name: add_predictions
insert into model.predictions (
    model_id, symbol, bar_start, revision, known_at, kind, row_version,
    row_changed_at, value, probability, confidence, low, high, refused,
    latency_ms
)
select
    %(model_id)s::bigint,
    n.symbol,
    n.bar_start,
    coalesce(o.revision, 0) + 1,
    n.known_at,
    n.kind,
    r.version,
    n.changed_at,
    n.value,
    n.probability,
    n.confidence,
    n.low,
    n.high,
    n.refused,
    1000 * extract(
        epoch from clock_timestamp() - %(behind)s::interval - n.known_at
    )::float8
from unnest(
    %(symbols)s::text[], %(bar_starts)s::timestamptz[],
    %(known_ats)s::timestamptz[], %(kinds)s::text[],
    %(changed_ats)s::timestamptz[], %(were_shown)s::boolean[],
    %(values)s::float8[], %(probabilities)s::float8[],
    %(confidences)s::float8[], %(lows)s::float8[], %(highs)s::float8[],
    %(refusals)s::text[]
) as n (
    symbol, bar_start, known_at, kind, changed_at, was_shown, value,
    probability, confidence, low, high, refused
)
left join lateral (
    select
        max(p.revision) as revision,
        max(p.row_changed_at) as changed_at
    from model.predictions as p
    where
        p.model_id = %(model_id)s::bigint
        and p.symbol = n.symbol
        and p.bar_start = n.bar_start
) as o on true
left join lateral (
    select max(f.version) as version
    from store.feature_rows as f
    where
        n.was_shown
        and f.set_hash = %(set_hash)s::text
        and f.symbol = n.symbol
        and f.bar_start = n.bar_start
) as r on true
where
    o.revision is null
    or (n.changed_at is not null and o.changed_at is null)
    or n.changed_at > o.changed_at
order by n.bar_start, n.symbol
on conflict do nothing
returning prediction_id, symbol, bar_start, kind, value, refused;

-- A row whose values of this set are the same needs no other prediction.
-- name: note_same_rows
update model.predictions as p
set row_changed_at = n.changed_at
from unnest(
    %(symbols)s::text[], %(bar_starts)s::timestamptz[],
    %(changed_ats)s::timestamptz[]
) as n (symbol, bar_start, changed_at)
where
    p.model_id = %(model_id)s::bigint
    and p.symbol = n.symbol
    and p.bar_start = n.bar_start
    and p.row_changed_at < n.changed_at
    and p.row_version = (
        select max(f.version)
        from store.feature_rows as f
        where
            f.set_hash = %(set_hash)s::text
            and f.symbol = n.symbol
            and f.bar_start = n.bar_start
    );

-- name: predictions_to_publish
select
    p.prediction_id,
    p.model_id,
    v.target,
    v.horizon,
    p.symbol,
    p.bar_start,
    p.revision,
    p.known_at,
    p.value,
    p.probability,
    p.confidence,
    p.low,
    p.high,
    p.refused,
    p.latency_ms,
    s.width
from model.predictions as p
inner join model.versions as v on v.id = p.model_id
left join store.feature_sets as s on s.hash = v.set_hash
where p.kind = 'live' and p.published_at is null
order by p.prediction_id
limit 1000;

-- name: note_published
update model.predictions
set published_at = clock_timestamp()
where prediction_id = any(%(prediction_ids)s::bigint[]);

-- What could not be published in time was not live.
-- name: note_too_late
update model.predictions
set kind = 'catch_up'
where prediction_id = any(%(prediction_ids)s::bigint[]);

-- name: newest_prediction_id
select coalesce(max(p.prediction_id), 0) as prediction_id
from model.predictions as p;

-- The days that a model of the question was asked about, and what it was shown.
-- name: predicted_days
select distinct on (p.symbol, p.bar_start)
    p.symbol,
    p.bar_start,
    r.values
from model.versions as v
inner join model.predictions as p on p.model_id = v.id
left join store.feature_rows as r
    on
        r.set_hash = v.set_hash
        and r.symbol = p.symbol
        and r.bar_start = p.bar_start
        and r.version = p.row_version
where
    v.target = %(target)s::text
    and v.horizon = %(horizon)s::text
    and v.symbols = %(symbols)s::text[]
    and p.bar_start >= %(ts_from)s::timestamptz
order by p.symbol, p.bar_start, p.prediction_id desc;

-- Each in the table of regimes too, where days are looked up.
-- name: keep_regimes
insert into model.regimes (
    symbol, trade_date, version_id, regime, probability, is_out_of_sample
)
select
    p.symbol,
    b.trade_date,
    p.model_id,
    p.value::integer,
    p.probability,
    true
from model.predictions as p
inner join market.bars_1d as b
    on b.symbol = p.symbol and b.bar_start = p.bar_start
where
    p.prediction_id = any(%(prediction_ids)s::bigint[])
    and p.value is not null
on conflict (symbol, trade_date, version_id) do update
set regime = excluded.regime, probability = excluded.probability;

-- The predictions whose horizon has passed and whose outcome is not known, or
-- may have changed since: a range a width and target.
-- name: due_outcomes
select
    s.width,
    array_agg(distinct p.symbol) as symbols,
    min(p.bar_start) as first,
    max(p.bar_start) as last
from model.predictions as p
inner join model.versions as v on v.id = p.model_id
inner join store.feature_sets as s on s.hash = v.set_hash
left join feedback.outcomes as o on o.prediction_id = p.prediction_id
where
    p.value is not null
    and v.target <> 'regime'
    and p.bar_start >= %(ts_from)s::timestamptz
    and feedback.due_at(v.horizon, p.known_at) <= %(as_of)s::timestamptz
    and (o.prediction_id is null or %(is_again)s::boolean)
group by s.width;

-- A regime is held to that of the day after, by the same model: whether the
-- market stayed as it was.
-- name: join_regimes
insert into feedback.outcomes as o (
    prediction_id, label_end, actual, is_hit, reason
)
select
    p.prediction_id,
    case when n.value is not null then n.known_at end,
    n.value,
    p.value = n.value,
    case when n.value is null then 'no label: ' || n.refused end
from model.predictions as p
inner join model.versions as v on v.id = p.model_id
cross join lateral (
    select
        f.value,
        f.known_at,
        f.refused
    from model.predictions as f
    where
        f.model_id = p.model_id
        and f.symbol = p.symbol
        and f.bar_start > p.bar_start
    order by f.bar_start, f.revision desc
    limit 1
) as n
left join feedback.outcomes as k on k.prediction_id = p.prediction_id
where
    v.target = 'regime'
    and p.value is not null
    and p.bar_start >= %(ts_from)s::timestamptz
    and n.known_at <= %(as_of)s::timestamptz
    and (k.prediction_id is null or k.actual is distinct from n.value)
on conflict (prediction_id) do update
set
    label_end = excluded.label_end,
    actual = excluded.actual,
    is_hit = excluded.is_hit,
    reason = excluded.reason,
    changed_at = clock_timestamp()
where o.actual is distinct from excluded.actual
returning o.prediction_id;

-- name: join_outcomes
with labels as materialized (
    select l.*
    from feat.labels(
        %(width)s::text, %(symbols)s::text[], %(ts_from)s::timestamptz,
        %(ts_to)s::timestamptz
    ) as l
),

due as (
    select
        p.prediction_id,
        v.target,
        p.value,
        p.probability,
        p.low,
        p.high,
        l.label_end,
        case v.target
            when 'direction' then l.direction
            when 'magnitude' then l.magnitude
            else l.volatility
        end as actual,
        feedback.due_at(v.horizon, p.known_at) as due_at
    from model.predictions as p
    inner join model.versions as v on v.id = p.model_id
    inner join store.feature_sets as s on s.hash = v.set_hash
    left join labels as l
        on
            l.symbol = p.symbol
            and l.bar_start = p.bar_start
            and l.horizon = v.horizon
    where
        s.width = %(width)s::text
        and p.symbol = any(%(symbols)s::text[])
        and p.bar_start >= %(ts_from)s::timestamptz
        and p.bar_start < %(ts_to)s::timestamptz
        and p.value is not null
        and v.target <> 'regime'
)

insert into feedback.outcomes as o (
    prediction_id, label_end, actual, is_hit, is_inside, loss, reason
)
select
    d.prediction_id,
    case when d.actual is not null then d.label_end end,
    d.actual,
    case d.target
        when 'direction' then d.value = d.actual
        when 'magnitude'
            then case when d.actual <> 0
                then sign(d.value) = sign(d.actual) end
        else d.actual between d.low and d.high
    end,
    case when d.target <> 'direction'
        then d.actual between d.low and d.high end,
    case
        when d.actual is null then null
        when d.target = 'direction'
            then -ln(
                greatest(
                    case when d.value = d.actual then d.probability
                        else 1 - d.probability end, 1e-6
                )
            )
        when d.target = 'magnitude' then (d.value - d.actual) ^ 2
        else
            (
                ln(greatest(d.value, 1e-9)) - ln(greatest(d.actual, 1e-9))
            ) ^ 2
    end,
    case when d.actual is null
        then 'no label: a gap, a roll, a halt or the close lies between' end
from due as d
where
    (d.actual is not null and d.label_end <= %(as_of)s::timestamptz)
    -- Later than this no bar comes any more.
    or (
        d.actual is null
        and d.due_at + interval '2 minutes' <= %(as_of)s::timestamptz
    )
order by d.prediction_id
on conflict (prediction_id) do update
set
    label_end = excluded.label_end,
    actual = excluded.actual,
    is_hit = excluded.is_hit,
    is_inside = excluded.is_inside,
    loss = excluded.loss,
    reason = excluded.reason,
    changed_at = clock_timestamp()
where o.actual is distinct from excluded.actual
returning o.prediction_id;

-- The champions that have decayed, each with its worst measure.
-- name: decayed_models
with drifted as (
    select distinct on (d.model_id)
        d.model_id,
        d.feature,
        d.psi as measured,
        d.demotes_at as threshold
    from feedback.drift as d
    where d.level = 'decayed'
    order by d.model_id, d.psi / d.demotes_at desc
),

decayed as (
    select
        d.model_id,
        'drift' as cause,
        d.feature,
        d.measured,
        d.threshold
    from drifted as d
    union all
    select
        c.model_id,
        'calibration' as cause,
        null as feature,
        abs(c.gap) as measured,
        greatest(0.05, 4 * c.error) as threshold
    from feedback.calibration_decay as c
    where c.level = 'decayed'
)

select distinct on (a.target, a.horizon, a.symbols)
    a.target,
    a.horizon,
    a.symbols,
    a.version_id as model_id,
    d.cause,
    d.feature,
    d.measured,
    d.threshold,
    h.version_id as challenger_id,
    exists (
        select from decayed as e where e.model_id = h.version_id
    ) as is_challenger_decayed
from model.aliases as a
inner join decayed as d on d.model_id = a.version_id
left join model.aliases as h
    on
        h.target = a.target
        and h.horizon = a.horizon
        and h.symbols = a.symbols
        and h.alias = 'challenger'
        and h.version_id <> a.version_id
where a.alias = 'champion'
order by a.target, a.horizon, a.symbols, d.measured / d.threshold desc;

-- name: add_demotion
insert into model.demotions (
    target, horizon, symbols, model_id, cause, feature, measured, threshold,
    successor_id, reason
)
values (
    %(target)s::text, %(horizon)s::text, %(symbols)s::text[],
    %(model_id)s::bigint, %(cause)s::text, %(feature)s::text,
    %(measured)s::float8, %(threshold)s::float8, %(successor_id)s::bigint,
    %(reason)s::text
);

-- Questions whose champion was demoted to silence and that nothing answers now.
-- name: silences
select distinct on (d.target, d.horizon, d.symbols)
    d.target,
    d.horizon,
    d.symbols,
    d.model_id,
    d.cause,
    d.feature,
    d.measured,
    d.threshold,
    d.reason,
    d.demoted_at
from model.demotions as d
where
    not exists (
        select
        from model.aliases as a
        where
            a.target = d.target
            and a.horizon = d.horizon
            and a.symbols = d.symbols
            and a.alias = 'champion'
    )
order by d.target, d.horizon, d.symbols, d.demotion_id desc;

-- A demotion after which nothing was trained for its question makes one due.
-- name: propose_trainings
insert into model.training_proposals (
    target, horizon, symbols, set_name, reason
)
select distinct on (d.target, d.horizon, d.symbols)
    d.target,
    d.horizon,
    d.symbols,
    coalesce(s.name, 'base'),
    d.reason
from model.demotions as d
inner join model.versions as v on v.id = d.model_id
left join store.feature_sets as s on s.hash = v.set_hash
where
    not exists (
        select
        from model.runs as r
        where
            r.target = d.target
            and r.horizon = d.horizon
            and r.symbols = d.symbols
            and r.state = 'done'
            and r.started_at > d.demoted_at
    )
order by d.target, d.horizon, d.symbols, d.demotion_id desc
on conflict do nothing
returning proposal_id;

-- name: due_trainings
select
    p.proposal_id,
    p.target,
    p.horizon,
    p.symbols,
    p.set_name,
    p.reason,
    p.proposed_at
from model.training_proposals as p
where p.closed_at is null
order by p.proposal_id;

-- name: close_proposal
update model.training_proposals
set
    run_id = %(run_id)s::bigint,
    closed_at = clock_timestamp()
where proposal_id = %(proposal_id)s::bigint and closed_at is null;

-- name: predictions_page
select
    p.prediction_id,
    p.model_id,
    p.target,
    p.horizon,
    p.symbol,
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
    p.label_end,
    p.actual,
    p.is_hit,
    p.no_label
from (
    select m.prediction_id
    from model.predictions as m
    inner join model.versions as v on v.id = m.model_id
    where
        (%(symbol)s::text is null or m.symbol = %(symbol)s::text)
        and (%(target)s::text is null or v.target = %(target)s::text)
        and (%(horizon)s::text is null or v.horizon = %(horizon)s::text)
        and (%(model_id)s::bigint is null or m.model_id = %(model_id)s::bigint)
        and m.bar_start >= coalesce(%(ts_from)s::timestamptz, '-infinity')
        and m.bar_start < coalesce(%(ts_to)s::timestamptz, 'infinity')
    order by m.bar_start desc, m.prediction_id desc
    limit %(limit)s::integer
) as n
inner join feedback.predictions as p on p.prediction_id = n.prediction_id
order by p.bar_start desc, p.prediction_id desc;

-- name: predictions_after
select
    p.prediction_id,
    p.model_id,
    v.target,
    v.horizon,
    p.symbol,
    p.bar_start,
    p.revision,
    p.known_at,
    p.value,
    p.probability,
    p.confidence,
    p.low,
    p.high,
    p.refused,
    p.latency_ms
from model.predictions as p
inner join model.versions as v on v.id = p.model_id
where
    p.prediction_id > %(after)s::bigint
    and p.kind = 'live'
    and p.published_at is not null
order by p.prediction_id
limit 500;

-- name: last_published_prediction
select coalesce(max(p.prediction_id), 0) as prediction_id
from model.predictions as p
where p.kind = 'live' and p.published_at is not null;

-- name: outlook
select o.*
from model.outlook as o
order by o.symbol, o.horizon;

-- name: skill_daily
select s.*
from feedback.skill_daily as s
where (%(model_id)s::bigint is null or s.model_id = %(model_id)s::bigint)
order by s.trade_date desc, s.model_id, s.symbol
limit %(limit)s::integer;

-- name: model_skill
select
    s.*,
    s.hits::float8 / nullif(s.judged, 0) as hit_rate,
    w.low::float8 as hit_rate_low,
    w.high::float8 as hit_rate_high
from (
    select
        p.model_id,
        p.target,
        p.horizon,
        count(p.value) as predictions,
        count(*) filter (where p.kind = 'live') as live,
        count(p.refused) as refused,
        count(p.actual) as outcomes,
        count(*) filter (where p.is_hit) as hits,
        count(p.is_hit) as judged,
        avg(p.probability) filter (
            where p.actual is not null and p.target <> 'regime'
        ) as expected,
        percentile_cont(0.5) within group (order by p.latency_ms)
            filter (where p.kind = 'live') as latency_ms
    from feedback.predictions as p
    where p.revision = 1
    group by p.model_id, p.target, p.horizon
) as s
cross join lateral studies.wilson(s.hits, s.judged) as w
order by s.model_id desc;

-- What was predicted and refused in the last hour, of the newest rows.
-- name: predictions_of_hour
select
    v.target,
    v.horizon,
    n.result,
    count(*) as rows,
    max(n.written_at) as newest_at,
    percentile_cont(0.5) within group (order by n.latency_ms)
        filter (where n.kind = 'live') as latency_ms
from (
    select
        p.model_id,
        p.kind,
        p.latency_ms,
        p.written_at,
        case
            when p.refused is null then 'predicted'
            when p.refused like 'model %%' then 'not served'
            else split_part(p.refused, ':', 1)
        end as result
    from model.predictions as p
    where
        p.prediction_id > (
            select max(m.prediction_id) - 50000
            from model.predictions as m
        )
        and p.written_at > %(as_of)s::timestamptz - interval '1 hour'
) as n
inner join model.versions as v on v.id = n.model_id
group by v.target, v.horizon, n.result
order by v.target, v.horizon, n.result;

-- How near each champion is to its demotion by drift: 1 demotes.
-- name: drift_of_champions
select
    a.target,
    a.horizon,
    a.symbols,
    max(d.psi / d.demotes_at) as drift
from model.aliases as a
inner join feedback.drift as d on d.model_id = a.version_id
where a.alias = 'champion' and d.level <> 'unknown'
group by a.target, a.horizon, a.symbols
order by a.target, a.horizon, a.symbols;

-- name: model_calibration
select c.*
from feedback.calibration as c
where c.model_id = %(model_id)s::bigint
order by c.bin;

-- name: model_decay
select c.*
from feedback.calibration_decay as c
order by c.model_id;

-- name: model_drift
select
    d.model_id,
    d.feature,
    d.rows,
    d.known_at,
    d.psi,
    d.usual_psi,
    d.warns_at,
    d.demotes_at,
    d.level
from feedback.drift as d
where (%(model_id)s::bigint is null or d.model_id = %(model_id)s::bigint)
order by d.model_id, d.psi / d.demotes_at desc nulls last, d.feature;

-- The sets and symbols that models were shown on a trade date.
-- name: parity_sets
select
    s.hash as set_hash,
    s.names,
    s.width,
    p.symbol
from model.predictions as p
inner join model.versions as v on v.id = p.model_id
inner join store.feature_sets as s on s.hash = v.set_hash
where
    p.row_version is not null
    and s.width <> '1d'
    and p.bar_start >= %(trade_date)s::date - interval '2 days'
    and p.bar_start < %(trade_date)s::date + interval '2 days'
    and reference.trade_date(p.bar_start) = %(trade_date)s::date
group by s.hash, s.names, s.width, p.symbol
order by s.hash, p.symbol;

-- name: parity_rows
select distinct on (r.bar_start)
    r.bar_start,
    r.values
from model.predictions as p
inner join model.versions as v on v.id = p.model_id
inner join store.feature_rows as r
    on
        r.set_hash = v.set_hash
        and r.symbol = p.symbol
        and r.bar_start = p.bar_start
        and r.version = p.row_version
where
    v.set_hash = %(set_hash)s::text
    and p.symbol = %(symbol)s::text
    and p.bar_start >= %(trade_date)s::date - interval '2 days'
    and p.bar_start < %(trade_date)s::date + interval '2 days'
    and reference.trade_date(p.bar_start) = %(trade_date)s::date
order by r.bar_start, r.version desc;

-- name: keep_parity
insert into feedback.parity (
    trade_date, set_hash, symbol, rows, equal, different, missing,
    worst_feature, worst_bar, worst_shown, worst_computed
)
values (
    %(trade_date)s::date, %(set_hash)s::text, %(symbol)s::text,
    %(rows)s::bigint, %(equal)s::bigint, %(different)s::bigint,
    %(missing)s::bigint, %(worst_feature)s::text, %(worst_bar)s::timestamptz,
    %(worst_shown)s::float8, %(worst_computed)s::float8
)
on conflict (trade_date, set_hash, symbol) do update
set
    rows = excluded.rows,
    equal = excluded.equal,
    different = excluded.different,
    missing = excluded.missing,
    worst_feature = excluded.worst_feature,
    worst_bar = excluded.worst_bar,
    worst_shown = excluded.worst_shown,
    worst_computed = excluded.worst_computed,
    checked_at = clock_timestamp();

-- name: parity
select
    p.*,
    s.name as set_name,
    s.version as set_version
from feedback.parity as p
inner join store.feature_sets as s on s.hash = p.set_hash
order by p.trade_date desc, s.name, p.symbol
limit %(limit)s::integer;

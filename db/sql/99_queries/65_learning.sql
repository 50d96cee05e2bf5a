-- Stage     60 store, 70 models
-- Feature sets and rows, trainings, fitted models and which of them is served.

-- name: feature_set
select
    s.name,
    s.version,
    s.hash,
    s.names,
    s.width,
    s.look_back
from store.feature_sets as s
where s.name = %(name)s::text
order by s.version desc
limit 1;

-- name: feature_set_of_hash
select
    s.name,
    s.version,
    s.hash,
    s.names,
    s.width,
    s.look_back
from store.feature_sets as s
where s.hash = %(hash)s::text;

-- The families of features with the SQL that their stored values are made by.
-- name: feature_families
select
    f.family,
    f.names,
    coalesce(t.sha256, '') as sha256
from store.families as f
left join store.feature_texts as t on t.family = f.family
order by f.place;

-- name: feature_look_back
select greatest(
    max(r.bars + r.widths) * feat.length(%(width)s::text),
    make_interval(days => max(r.days)),
    case when bool_or(r.of_session) then interval '1 day' end,
    case when bool_or(r.of_next_session) then interval '15 days' end,
    interval '0 hours'
) as look_back
from store.reaches as r
where r.family = any(%(families)s::text[]);

-- name: add_feature_set
insert into store.feature_sets (name, version, hash, names, width, look_back)
select
    %(name)s::text,
    coalesce(max(s.version), 0) + 1,
    %(hash)s::text,
    %(names)s::text[],
    %(width)s::text,
    %(look_back)s::interval
from store.feature_sets as s
where s.name = %(name)s::text
on conflict do nothing;

-- name: feature_sets
select
    s.name,
    s.version,
    s.width,
    cardinality(s.names) as features,
    s.look_back,
    s.hash,
    s.made_at
from store.feature_sets as s
order by s.name, s.version;

-- name: stage_feature_rows
create temp table if not exists shown_rows (
    symbol text, bar_start timestamptz, changed_at timestamptz, shown real[]
) on commit drop;

-- name: shown_rows_copy
select
    'copy shown_rows (symbol, bar_start, changed_at, shown) '
    'from stdin (format binary)' as copy_in;

-- A row that was shown before, value for value, is there already.
-- name: keep_feature_rows
insert into store.feature_rows (
    set_hash, symbol, bar_start, version, changed_at, values
)
select
    %(set_hash)s::text,
    n.symbol,
    n.bar_start,
    coalesce(o.version, 0) + 1,
    n.changed_at,
    n.shown
from shown_rows as n
left join lateral (
    select
        r.version,
        r.values
    from store.feature_rows as r
    where
        r.set_hash = %(set_hash)s::text
        and r.symbol = n.symbol
        and r.bar_start = n.bar_start
    order by r.version desc
    limit 1
) as o on true
where o.version is null or o.values <> n.shown;

-- The rows that a training may read, and how many.
-- name: stored_feature_bounds
select
    min(r.first) as first,
    max(r.last) as last
from unnest(%(symbols)s::text[]) as n (symbol)
cross join lateral (
    select
        min(a.bar_start) as first,
        max(a.bar_start) as last
    from store.features_1m as a
    where a.symbol = n.symbol and %(width)s::text = '1m'
    union all
    select
        min(b.bar_start),
        max(b.bar_start)
    from store.features_5m as b
    where b.symbol = n.symbol and %(width)s::text = '5m'
    union all
    select
        min(c.bar_start),
        max(c.bar_start)
    from store.features_1h as c
    where c.symbol = n.symbol and %(width)s::text = '1h'
) as r;

-- The trade dates with bars of a span.
-- name: training_dates
select distinct reference.trade_date(b.bar_start) as trade_date
from market.bars_1h as b
where
    b.symbol = any(%(symbols)s::text[])
    and b.bar_start >= %(ts_from)s::timestamptz - interval '1 hour'
    and b.bar_start < %(ts_to)s::timestamptz
order by 1;

-- The days that begin in a span and are known at its end.
-- name: daily_bars
select
    b.symbol,
    b.trade_date,
    b.bar_start,
    b.known_at,
    b.high::float8 as high,
    b.low::float8 as low,
    b.close::float8 as close,
    b.volume::float8 as volume
from market.bars_1d as b
where
    b.symbol = any(%(symbols)s::text[])
    and b.bar_start >= %(ts_from)s::timestamptz
    and b.known_at <= %(ts_to)s::timestamptz
    and b.close > 0
    and b.low > 0
order by b.symbol, b.bar_start;

-- The day that is under way is not learned from.
-- name: daily_bar_bounds
select
    min(b.bar_start) as first,
    max(b.known_at) as last
from market.bars_1d as b
where
    b.symbol = any(%(symbols)s::text[])
    and b.known_at <= (
        select coalesce(max(c.ts), clock_timestamp())
        from market.source_clocks as c
    );

-- name: add_run
insert into model.runs (
    target, horizon, symbols, set_name, set_version, set_hash, span_from,
    span_to, seed, threads, code_version, libraries, parameters
)
values (
    %(target)s::text, %(horizon)s::text, %(symbols)s::text[],
    %(set_name)s::text, %(set_version)s::integer, %(set_hash)s::text,
    %(span_from)s::timestamptz, %(span_to)s::timestamptz, %(seed)s::integer,
    %(threads)s::integer, %(code_version)s::text, %(libraries)s::text::jsonb,
    %(parameters)s::text::jsonb
)
returning run_id;

-- A training holds this for as long as it lives.
-- name: hold_run
select pg_try_advisory_lock(7405150, %(run_id)s::integer) as is_held;

-- name: release_run
select pg_advisory_unlock(7405150, %(run_id)s::integer) as was_held;

-- name: running_runs
select r.run_id
from model.runs as r
where r.state = 'running';

-- name: fail_run
update model.runs
set
    state = 'failed',
    reason = %(reason)s::text,
    ended_at = clock_timestamp()
where run_id = %(run_id)s::bigint and state = 'running';

-- name: end_run
update model.runs
set
    state = 'done',
    rows = %(rows)s::bigint,
    data_checksum = %(data_checksum)s::text,
    data_source = %(data_source)s::text,
    best_model = %(best_model)s::text,
    baseline = %(baseline)s::text,
    skill = %(skill)s::float8,
    skill_low = %(skill_low)s::float8,
    skill_high = %(skill_high)s::float8,
    sharpe = %(sharpe)s::float8,
    deflated_sharpe = %(deflated_sharpe)s::float8,
    trials = %(trials)s::integer,
    metrics = %(metrics)s::text::jsonb,
    ended_at = clock_timestamp()
where run_id = %(run_id)s::bigint;

-- name: add_fold
insert into model.folds (
    run_id, fold, model, is_baseline, train_from, train_to, test_from, test_to,
    train_rows, purged_rows, test_rows, loss, skill, skill_low, skill_high,
    trades, profit_ticks, metrics
)
values (
    %(run_id)s::bigint, %(fold)s::integer, %(model)s::text,
    %(is_baseline)s::boolean, %(train_from)s::timestamptz,
    %(train_to)s::timestamptz, %(test_from)s::timestamptz,
    %(test_to)s::timestamptz, %(train_rows)s::bigint, %(purged_rows)s::bigint,
    %(test_rows)s::bigint, %(loss)s::float8, %(skill)s::float8,
    %(skill_low)s::float8, %(skill_high)s::float8, %(trades)s::bigint,
    %(profit_ticks)s::float8, %(metrics)s::text::jsonb
);

-- name: add_report
insert into model.reports (run_id, html)
values (%(run_id)s::bigint, %(html)s::text);

-- name: add_artifact
insert into model.artifacts (sha256, content)
values (%(sha256)s::text, %(content)s::bytea)
on conflict do nothing;

-- name: add_version
insert into model.versions (
    run_id, model, target, horizon, symbols, set_hash, span_from, span_to,
    data_checksum, seed, code_version, libraries, artifact_sha256, skill,
    skill_low, skill_high, metrics
)
select
    r.run_id,
    r.best_model,
    r.target,
    r.horizon,
    r.symbols,
    r.set_hash,
    r.span_from,
    r.span_to,
    r.data_checksum,
    r.seed,
    r.code_version,
    r.libraries,
    %(sha256)s::text,
    r.skill,
    r.skill_low,
    r.skill_high,
    r.metrics
from model.runs as r
where r.run_id = %(run_id)s::bigint
returning id;

-- Trials of the same question over a span that overlaps.
-- name: trials
select r.metrics -> 'sharpes' as sharpes
from model.runs as r
where
    r.state = 'done'
    and r.target = %(target)s::text
    and r.horizon = %(horizon)s::text
    and r.symbols = %(symbols)s::text[]
    and r.span_from < %(span_to)s::timestamptz
    and r.span_to > %(span_from)s::timestamptz;

-- name: add_regime
insert into model.regimes (
    symbol, trade_date, version_id, regime, probability, is_out_of_sample
)
values (
    %(symbol)s::text, %(trade_date)s::date, %(version_id)s::bigint,
    %(regime)s::integer, %(probability)s::float8,
    %(is_out_of_sample)s::boolean
);

-- name: model_runs
select
    r.run_id,
    r.target,
    r.horizon,
    r.symbols,
    r.state,
    r.reason,
    r.set_name,
    r.set_version,
    r.span_from,
    r.span_to,
    r.rows,
    r.data_source,
    r.best_model,
    r.baseline,
    r.skill,
    r.skill_low,
    r.skill_high,
    r.sharpe,
    r.deflated_sharpe,
    r.trials,
    r.started_at,
    r.ended_at,
    v.id as version_id
from model.runs as r
left join model.versions as v on v.run_id = r.run_id
order by r.run_id desc
limit %(limit)s::integer;

-- name: model_run
select
    r.*,
    v.id as version_id
from model.runs as r
left join model.versions as v on v.run_id = r.run_id
where r.run_id = %(run_id)s::bigint;

-- name: model_folds
select f.*
from model.folds as f
where f.run_id = %(run_id)s::bigint
order by f.fold, f.is_baseline desc, f.model;

-- name: model_report
select p.html
from model.reports as p
where p.run_id = %(run_id)s::bigint;

-- name: model_versions
select
    v.id,
    v.run_id,
    v.model,
    v.target,
    v.horizon,
    v.symbols,
    v.skill,
    v.skill_low,
    v.skill_high,
    v.span_from,
    v.span_to,
    v.made_at,
    (
        select string_agg(a.alias, ', ' order by a.alias)
        from model.aliases as a
        where a.version_id = v.id
    ) as alias
from model.versions as v
order by v.id desc
limit %(limit)s::integer;

-- name: model_version
select
    v.*,
    s.name as set_name,
    s.version as set_version,
    s.names as set_names,
    r.span_from as run_span_from,
    r.span_to as run_span_to,
    (
        select string_agg(a.alias, ', ' order by a.alias)
        from model.aliases as a
        where a.version_id = v.id
    ) as alias
from model.versions as v
left join store.feature_sets as s on s.hash = v.set_hash
inner join model.runs as r on r.run_id = v.run_id
where v.id = %(id)s::bigint;

-- name: model_artifact
select a.content
from model.artifacts as a
where a.sha256 = %(sha256)s::text;

-- name: model_aliases
select
    a.alias,
    a.target,
    a.horizon,
    a.symbols,
    a.version_id,
    v.model,
    v.skill,
    v.skill_low,
    v.skill_high,
    a.set_at,
    a.set_by,
    a.reason
from model.aliases as a
inner join model.versions as v on v.id = a.version_id
order by a.target, a.horizon, a.symbols, a.alias;

-- One process at a time brings MLflow in step.
-- name: lock_mirror
select pg_advisory_lock(7405152);

-- name: mirrored_database
select
    e.nature,
    to_char(
        e.made_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
    ) as made_at
from ops.edition as e;

-- name: lock_aliases
select pg_advisory_xact_lock(7405151);

-- name: set_alias
insert into model.aliases (
    target, horizon, symbols, alias, version_id, set_by, reason
)
values (
    %(target)s::text, %(horizon)s::text, %(symbols)s::text[], %(alias)s::text,
    %(version_id)s::bigint, %(by)s::text, %(reason)s::text
)
on conflict (target, horizon, symbols, alias) do update
set
    version_id = excluded.version_id,
    set_at = now(),
    set_by = excluded.set_by,
    reason = excluded.reason;

-- name: drop_alias
delete from model.aliases
where
    target = %(target)s::text
    and horizon = %(horizon)s::text
    and symbols = %(symbols)s::text[]
    and alias = %(alias)s::text;

-- name: note_alias
insert into model.alias_changes (
    target, horizon, symbols, alias, version_id, changed_by, reason
)
values (
    %(target)s::text, %(horizon)s::text, %(symbols)s::text[], %(alias)s::text,
    %(version_id)s::bigint, %(by)s::text, %(reason)s::text
);

-- The versions that an alias has had, the newest first.
-- name: alias_history
select
    c.version_id,
    c.changed_at,
    c.changed_by,
    c.reason
from model.alias_changes as c
where
    c.target = %(target)s::text
    and c.horizon = %(horizon)s::text
    and c.symbols = %(symbols)s::text[]
    and c.alias = %(alias)s::text
order by c.change_id desc;

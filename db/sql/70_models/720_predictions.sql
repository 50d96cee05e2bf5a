-- Stage     70 models
-- Makes     model.predictions, model.profiles, model.demotions,
--           model.training_proposals
-- Kind      table
-- Grain     one row a (model, symbol, bar, revision); one row a (model,
--           feature); one row a demotion; one row a proposal
-- Known at  written_at; –; demoted_at; proposed_at
-- Reads     model.runs, model.versions
-- Nulls     value where the prediction was refused, refused where it was not
-- Why       What a model predicted is never changed: a bar that changed later
--           has another revision beside it. What keeps a model from speaking
--           is a row as well.

create table model.predictions (
    prediction_id bigint generated always as identity primary key,
    model_id bigint not null references model.versions (id),
    symbol text not null,
    bar_start timestamptz not null,
    revision integer not null default 1 check (revision > 0),
    known_at timestamptz not null,
    kind text not null check (kind in ('live', 'catch_up', 'changed')),
    row_version integer,
    row_changed_at timestamptz,
    value float8,
    probability float8 check (probability between 0 and 1),
    confidence float8 check (confidence between 0 and 1),
    low float8,
    high float8,
    refused text,
    latency_ms float8 not null,
    written_at timestamptz not null default clock_timestamp(),
    published_at timestamptz,
    unique (model_id, symbol, bar_start, revision),
    check ((value is null) = (refused is not null)),
    check (refused is not null or row_version is not null)
);

create index predictions_bar on model.predictions (symbol, bar_start);
create index predictions_to_publish on model.predictions (prediction_id)
where kind = 'live' and published_at is null;

comment on table model.predictions is
    'What the served models predicted at each bar, or why one did not.';
comment on column model.predictions.prediction_id is 'Its number.';
comment on column model.predictions.model_id is
    'The fitted model: model.versions.id.';
comment on column model.predictions.symbol is 'The series.';
comment on column model.predictions.bar_start is
    'First instant of the bar whose row it was shown.';
comment on column model.predictions.revision is
    'Counts the predictions of a model at this bar, from 1: another one is '
    'made where the row changed.';
comment on column model.predictions.known_at is
    'First moment at which the bar may be used.';
comment on column model.predictions.kind is
    'live: of the bar that had just closed; catch_up: of an earlier one, after '
    'a downtime, never published as live; changed: of a row that was '
    'predicted before and changed.';
comment on column model.predictions.row_version is
    'The version of the row that it was shown, in store.feature_rows.';
comment on column model.predictions.row_changed_at is
    'When the stored features of the bar had last changed, those of the set or '
    'others.';
comment on column model.predictions.value is
    'direction: 1, 0 or -1, the likeliest; magnitude: log of the mid at the '
    'horizon over the mid now; volatility: root of the summed squared log '
    'returns up to the horizon; regime: its number, the calmest 0.';
comment on column model.predictions.probability is
    'Calibrated probability of value, 0 to 1; null of magnitudes and '
    'volatilities.';
comment on column model.predictions.confidence is
    'Probability that the side is right, 0 to 1: of a direction and a regime '
    'that of value, of a magnitude that of its sign by its error out of '
    'sample; null of volatilities.';
comment on column model.predictions.low is
    'Lower end of the 80% interval of a magnitude or volatility, by the error '
    'out of sample.';
comment on column model.predictions.high is 'Upper end of that interval.';
comment on column model.predictions.refused is
    'Why there is no prediction: the row was stale, partial, incomplete or out '
    'of the range that the model learned, or the model cannot be served.';
comment on column model.predictions.latency_ms is
    'From known_at until it was written, ms; of a catch_up the downtime too.';
comment on column model.predictions.written_at is
    'When it was written, by the database''s clock.';
comment on column model.predictions.published_at is
    'When it was published on the bus; null where it was not, or came too '
    'late to be live.';

create table model.profiles (
    model_id bigint not null references model.versions (id),
    feature text not null,
    place integer not null check (place > 0),
    is_used boolean not null,
    rows bigint not null,
    nulls bigint not null,
    low float8,
    high float8,
    edges float8[] not null,
    shares float8[] not null,
    usual_psi float8 not null,
    primary key (model_id, feature)
);

comment on table model.profiles is
    'How each feature was distributed where a model learned: what it is shown '
    'later is compared with this.';
comment on column model.profiles.model_id is
    'The fitted model: model.versions.id.';
comment on column model.profiles.feature is 'The feature.';
comment on column model.profiles.place is
    'Where it stands in the rows of the set, from 1.';
comment on column model.profiles.is_used is
    'Whether the model is shown it: it varied where the model learned.';
comment on column model.profiles.rows is 'Rows that the model learned from.';
comment on column model.profiles.nulls is 'Rows of these without a value.';
comment on column model.profiles.low is 'Its lowest value.';
comment on column model.profiles.high is 'Its highest value.';
comment on column model.profiles.edges is
    'Its nine deciles, between ten bins; a bin begins with its edge.';
comment on column model.profiles.shares is
    'Shares of the values in the ten bins, 0 to 1.';
comment on column model.profiles.usual_psi is
    'The largest population stability index that 500 rows on end of the '
    'training itself have against the whole of it: what the time of day and '
    'slow features make of it without any drift.';

create table model.demotions (
    demotion_id bigint generated always as identity primary key,
    target text not null,
    horizon text not null,
    symbols text[] not null,
    model_id bigint not null references model.versions (id),
    cause text not null check (cause in ('drift', 'calibration')),
    feature text,
    measured float8 not null,
    threshold float8 not null,
    successor_id bigint references model.versions (id),
    reason text not null,
    demoted_at timestamptz not null default now()
);

comment on table model.demotions is
    'Champions that decayed: each gave way to its challenger, or to silence.';
comment on column model.demotions.demotion_id is 'Its number.';
comment on column model.demotions.target is 'What was predicted.';
comment on column model.demotions.horizon is 'How far ahead.';
comment on column model.demotions.symbols is 'Of which series.';
comment on column model.demotions.model_id is
    'The model that was demoted: model.versions.id.';
comment on column model.demotions.cause is
    'drift of a feature, or calibration.';
comment on column model.demotions.feature is 'The feature that drifted most.';
comment on column model.demotions.measured is
    'Its population stability index; of a calibration the distance between '
    'what was predicted and what happened.';
comment on column model.demotions.threshold is
    'The limit that it passed.';
comment on column model.demotions.successor_id is
    'The challenger that is served from then on; null: silence.';
comment on column model.demotions.reason is 'Why, in words.';
comment on column model.demotions.demoted_at is
    'When, by the database''s clock.';

create table model.training_proposals (
    proposal_id bigint generated always as identity primary key,
    target text not null,
    horizon text not null,
    symbols text[] not null,
    set_name text not null,
    reason text not null,
    proposed_at timestamptz not null default now(),
    run_id bigint references model.runs (run_id),
    closed_at timestamptz,
    check ((run_id is null) or (closed_at is not null))
);

create unique index training_proposals_open
on model.training_proposals (target, horizon, symbols)
where closed_at is null;

comment on table model.training_proposals is
    'Trainings that are due, since what was served decayed; thor train --due '
    'runs them.';
comment on column model.training_proposals.proposal_id is 'Its number.';
comment on column model.training_proposals.target is 'What to predict.';
comment on column model.training_proposals.horizon is 'How far ahead.';
comment on column model.training_proposals.symbols is 'Of which series.';
comment on column model.training_proposals.set_name is 'By which feature set.';
comment on column model.training_proposals.reason is 'Why it is due.';
comment on column model.training_proposals.proposed_at is
    'Since when, by the database''s clock.';
comment on column model.training_proposals.run_id is
    'The training that answered it.';
comment on column model.training_proposals.closed_at is
    'When it was answered; null: it is due.';

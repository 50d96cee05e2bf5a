-- Stage     70 models
-- Makes     model.artifacts, model.versions, model.aliases,
--           model.alias_changes, model.regimes
-- Kind      table
-- Grain     one row a fitted model; one row a name; one row a trade date
-- Known at  made_at
-- Reads     model.runs
-- Nulls     what a version was made without: it cannot be promoted
-- Why       Serving and psql read these; a model is a file with its checksum
--           in the database, so that one dump has both.

create table model.artifacts (
    sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
    content bytea not null,
    made_at timestamptz not null default now()
);

comment on table model.artifacts is
    'Fitted models as skops files. One is loaded only where its bytes have '
    'this SHA-256, and only of the types that Thor allows.';
comment on column model.artifacts.sha256 is 'SHA-256 of the file, in hex.';
comment on column model.artifacts.content is 'The file.';
comment on column model.artifacts.made_at is
    'When it was written, by the database''s clock.';

create table model.versions (
    id bigint generated always as identity primary key,
    run_id bigint not null references model.runs (run_id),
    model text not null,
    target text not null,
    horizon text not null,
    symbols text[] not null,
    set_hash text not null,
    span_from timestamptz not null,
    span_to timestamptz not null,
    data_checksum text,
    seed integer,
    code_version text,
    libraries jsonb not null,
    artifact_sha256 text not null references model.artifacts (sha256),
    skill float8,
    skill_low float8,
    skill_high float8,
    metrics jsonb not null default '{}',
    made_at timestamptz not null default now()
);

comment on table model.versions is
    'Fitted models that may be served: of the best model of each training, '
    'fitted on its whole span.';
comment on column model.versions.id is 'Its number.';
comment on column model.versions.run_id is 'The training that it is of.';
comment on column model.versions.model is 'What was fitted: boosting, say.';
comment on column model.versions.target is 'What is predicted.';
comment on column model.versions.horizon is 'How far ahead.';
comment on column model.versions.symbols is 'Of which series.';
comment on column model.versions.set_hash is
    'The feature set that it must be shown.';
comment on column model.versions.span_from is
    'First start of a bar that it learned from.';
comment on column model.versions.span_to is 'Starts are before this.';
comment on column model.versions.data_checksum is
    'SHA-256 of what it learned from, in hex.';
comment on column model.versions.seed is 'Seed of the fit.';
comment on column model.versions.code_version is
    'Version of Thor, and of the code that learns.';
comment on column model.versions.libraries is
    'Versions of the libraries: newer ones than those installed are refused.';
comment on column model.versions.artifact_sha256 is 'Its file.';
comment on column model.versions.skill is
    'Skill out of sample over the baseline.';
comment on column model.versions.skill_low is
    'Lower end of its 95% interval: it must be above 0 to be promoted.';
comment on column model.versions.skill_high is
    'Upper end of its 95% interval.';
comment on column model.versions.metrics is 'Further figures of its training.';
comment on column model.versions.made_at is
    'When it was written, by the database''s clock.';

create table model.aliases (
    target text not null,
    horizon text not null,
    symbols text[] not null,
    alias text not null check (alias in ('champion', 'challenger')),
    version_id bigint not null references model.versions (id),
    set_at timestamptz not null default now(),
    set_by text not null default 'thor',
    reason text not null,
    primary key (target, horizon, symbols, alias)
);

comment on table model.aliases is
    'The model that is served for each target, horizon and symbols, and its '
    'challenger.';
comment on column model.aliases.target is 'What is predicted.';
comment on column model.aliases.horizon is 'How far ahead.';
comment on column model.aliases.symbols is 'Of which series.';
comment on column model.aliases.alias is 'champion or challenger.';
comment on column model.aliases.version_id is 'The fitted model.';
comment on column model.aliases.set_at is
    'Since when, by the database''s clock.';
comment on column model.aliases.set_by is 'Who decided it.';
comment on column model.aliases.reason is 'Why.';

create table model.alias_changes (
    change_id bigint generated always as identity primary key,
    target text not null,
    horizon text not null,
    symbols text[] not null,
    alias text not null,
    version_id bigint references model.versions (id),
    changed_at timestamptz not null default now(),
    changed_by text not null,
    reason text not null
);

comment on table model.alias_changes is
    'Every promotion and roll back, in order.';
comment on column model.alias_changes.change_id is 'Its number.';
comment on column model.alias_changes.target is 'What is predicted.';
comment on column model.alias_changes.horizon is 'How far ahead.';
comment on column model.alias_changes.symbols is 'Of which series.';
comment on column model.alias_changes.alias is 'champion or challenger.';
comment on column model.alias_changes.version_id is
    'The fitted model from then on; null: none.';
comment on column model.alias_changes.changed_at is
    'When, by the database''s clock.';
comment on column model.alias_changes.changed_by is 'Who decided it.';
comment on column model.alias_changes.reason is 'Why.';

create table model.regimes (
    symbol text not null,
    trade_date date not null,
    version_id bigint not null references model.versions (id),
    regime integer not null check (regime >= 0),
    probability float8 not null check (probability between 0 and 1),
    is_out_of_sample boolean not null,
    primary key (symbol, trade_date, version_id)
);

comment on table model.regimes is
    'The regime of each trade date, by a Gaussian mixture of its daily bar.';
comment on column model.regimes.symbol is 'The series.';
comment on column model.regimes.trade_date is
    'The exchange''s day; its regime is known once its bar is.';
comment on column model.regimes.version_id is 'The fitted model.';
comment on column model.regimes.regime is
    'Number of the regime, from 0: the calmest.';
comment on column model.regimes.probability is
    'Probability of that regime, given the day, 0 to 1.';
comment on column model.regimes.is_out_of_sample is
    'Whether the model was fitted on earlier days only.';

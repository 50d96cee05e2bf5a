create schema if not exists model;

comment on schema model is
    'Trainings, fitted models, which of them is served, and regimes.';

create table store.feature_sets (
    name text not null check (name ~ '^[a-z][a-z0-9_]{0,30}$'),
    version integer not null check (version > 0),
    hash text not null unique check (hash ~ '^[0-9a-f]{64}$'),
    names text[] not null check (cardinality(names) > 0),
    width text not null check (width in ('1m', '5m', '1h', '1d')),
    look_back interval not null check (look_back >= interval '0 hours'),
    made_at timestamptz not null default now(),
    primary key (name, version)
);

comment on table store.feature_sets is
    'Features that a model is shown together. A set whose features or their '
    'SQL change gets a new version.';
comment on column store.feature_sets.name is 'Its name, base say.';
comment on column store.feature_sets.version is 'Counts its versions, from 1.';
comment on column store.feature_sets.hash is
    'SHA-256 of the width, the names in order and the SQL of their families, '
    'in hex: a model is only shown rows of the set that it learned.';
comment on column store.feature_sets.names is
    'Its features, in the order of a model''s columns.';
comment on column store.feature_sets.width is
    'Width of the bars: 1m, 5m, 1h, 1d.';
comment on column store.feature_sets.look_back is
    'How much time before a bar its features read, at most, while every bar '
    'has a trade.';
comment on column store.feature_sets.made_at is
    'When it was first used, by the database''s clock.';

create table store.feature_rows (
    set_hash text not null references store.feature_sets (hash),
    symbol text not null,
    bar_start timestamptz not null,
    version integer not null default 1 check (version > 0),
    changed_at timestamptz not null,
    values real[] not null,
    written_at timestamptz not null default now(),
    primary key (set_hash, symbol, bar_start, version)
);

comment on table store.feature_rows is
    'What models were shown: the features of a set at a bar, as they stood '
    'then. A row that changed later is another version; none is overwritten.';
comment on column store.feature_rows.set_hash is
    'The set: store.feature_sets.hash.';
comment on column store.feature_rows.symbol is 'The series.';
comment on column store.feature_rows.bar_start is 'First instant of the bar.';
comment on column store.feature_rows.version is
    'Counts the different rows of this bar that were shown, from 1.';
comment on column store.feature_rows.changed_at is
    'When the stored features of the bar had last changed.';
comment on column store.feature_rows.values is
    'The values in the order of the set''s names, in single precision, as they '
    'are fitted; NaN where there is none.';
comment on column store.feature_rows.written_at is
    'When it was first shown, by the database''s clock.';

create table model.runs (
    run_id bigint generated always as identity primary key,
    target text not null
        check (target in ('direction', 'magnitude', 'volatility', 'regime')),
    horizon text not null
        check (horizon in ('1m', '5m', '15m', '60m', 'close', '1d')),
    symbols text[] not null check (cardinality(symbols) > 0),
    state text not null default 'running'
        check (state in ('running', 'done', 'failed')),
    reason text,
    set_name text not null,
    set_version integer not null,
    set_hash text not null,
    span_from timestamptz not null,
    span_to timestamptz not null,
    rows bigint,
    data_checksum text,
    data_source text,
    seed integer not null,
    threads integer not null,
    code_version text not null,
    libraries jsonb not null,
    parameters jsonb not null,
    best_model text,
    baseline text,
    skill float8,
    skill_low float8,
    skill_high float8,
    sharpe float8,
    deflated_sharpe float8,
    trials integer,
    metrics jsonb not null default '{}',
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    check (span_from < span_to),
    check ((state = 'failed') = (reason is not null)),
    check ((state = 'running') = (ended_at is null))
);

create index runs_question on model.runs (target, horizon, symbols);

comment on table model.runs is
    'Trainings: what was asked, of which rows, and how well it predicted rows '
    'that it had not seen.';
comment on column model.runs.run_id is 'Its number.';
comment on column model.runs.target is
    'What is predicted: direction, magnitude, volatility, regime.';
comment on column model.runs.horizon is
    'How far ahead: 1m, 5m, 15m, 60m, close, or 1d for regimes.';
comment on column model.runs.symbols is 'The series, in alphabetical order.';
comment on column model.runs.state is 'running, done or failed.';
comment on column model.runs.reason is 'Why it failed.';
comment on column model.runs.set_name is 'The feature set.';
comment on column model.runs.set_version is 'Its version.';
comment on column model.runs.set_hash is 'Its hash.';
comment on column model.runs.span_from is
    'First start of a bar that it may have learned from.';
comment on column model.runs.span_to is 'Starts are before this.';
comment on column model.runs.rows is 'Rows with a label.';
comment on column model.runs.data_checksum is
    'SHA-256 of features, labels and times as they were fitted, in hex.';
comment on column model.runs.data_source is
    'Where the rows were read: lake or database.';
comment on column model.runs.seed is 'Seed of everything that is drawn.';
comment on column model.runs.threads is 'Threads of a fit.';
comment on column model.runs.code_version is
    'Version of Thor, and of the code that learns.';
comment on column model.runs.libraries is 'Versions of the libraries.';
comment on column model.runs.parameters is
    'Folds, purge, embargo, calibration and the settings of each model.';
comment on column model.runs.best_model is
    'The model with the best score out of sample.';
comment on column model.runs.baseline is 'The baseline that skill is over.';
comment on column model.runs.skill is
    '1 - loss of the best model / loss of the baseline, out of sample, all '
    'folds together, 1.';
comment on column model.runs.skill_low is
    'Lower end of its 95% interval, by a bootstrap of blocks of time.';
comment on column model.runs.skill_high is 'Upper end of that interval.';
comment on column model.runs.sharpe is
    'Mean over deviation of a trade''s profit after costs, by the simplest '
    'rule, a trade; null without trades.';
comment on column model.runs.deflated_sharpe is
    'Probability that the Sharpe ratio is above what the best of so many '
    'trials without skill would show, after Bailey and Lopez de Prado 2014.';
comment on column model.runs.trials is
    'Models tried for this target, horizon, symbols and span, these included.';
comment on column model.runs.metrics is
    'Profit and loss, calibration, importance, and skill over each baseline.';
comment on column model.runs.started_at is
    'When it began, by the database''s clock.';
comment on column model.runs.ended_at is 'When it ended.';

create table model.folds (
    run_id bigint not null references model.runs (run_id) on delete cascade,
    fold integer not null check (fold > 0),
    model text not null,
    is_baseline boolean not null,
    train_from timestamptz,
    train_to timestamptz,
    test_from timestamptz not null,
    test_to timestamptz not null,
    train_rows bigint not null,
    purged_rows bigint not null,
    test_rows bigint not null,
    loss float8 not null,
    skill float8,
    skill_low float8,
    skill_high float8,
    trades bigint,
    profit_ticks float8,
    metrics jsonb not null default '{}',
    primary key (run_id, fold, model)
);

comment on table model.folds is
    'Models and baselines on each stretch of time that they had not seen.';
comment on column model.folds.run_id is 'The training.';
comment on column model.folds.fold is 'Number of the stretch, from 1.';
comment on column model.folds.model is 'The model or baseline.';
comment on column model.folds.is_baseline is 'Whether it is a baseline.';
comment on column model.folds.train_from is
    'known_at of the first row that was learned from.';
comment on column model.folds.train_to is 'known_at of the last one.';
comment on column model.folds.test_from is
    'known_at of the first row that was predicted.';
comment on column model.folds.test_to is 'Last label_end of those rows.';
comment on column model.folds.train_rows is 'Rows that were learned from.';
comment on column model.folds.purged_rows is
    'Rows left out because their label meets the stretch or its embargo.';
comment on column model.folds.test_rows is 'Rows that were predicted.';
comment on column model.folds.loss is
    'Mean loss: log loss, squared error, or minus the log likelihood.';
comment on column model.folds.skill is
    '1 - loss / loss of the run''s baseline; of regimes, the baseline''s loss '
    'minus the loss.';
comment on column model.folds.skill_low is 'Lower end of its 95% interval.';
comment on column model.folds.skill_high is 'Upper end of its 95% interval.';
comment on column model.folds.trades is
    'Trades by the simplest rule, one position of a series at a time.';
comment on column model.folds.profit_ticks is
    'Profit of those trades after costs, ticks.';
comment on column model.folds.metrics is 'Further figures.';

create table model.reports (
    run_id bigint primary key references model.runs (run_id) on delete cascade,
    html text not null
);

comment on table model.reports is 'The report of a training: one HTML page.';
comment on column model.reports.run_id is 'The training.';
comment on column model.reports.html is 'The page, self-contained.';

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

-- Stage     70 models
-- Makes     model.runs, model.folds, model.reports
-- Kind      table
-- Grain     one row a training; one row a (training, fold, model)
-- Known at  started_at
-- Reads     –
-- Nulls     figures until the training is done; profits of targets without a
--           rule to trade by
-- Why       Trials are counted: the best of many without skill looks good.

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
    'folds together, 1; of a direction the loss of the sign, where there was a '
    'move.';
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
    '1 - loss / loss of the run''s baseline; of a direction that of the sign, '
    'where there was a move; of regimes, the baseline''s loss minus the loss.';
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

-- Stage     00 foundation
-- Makes     schema reference, schema market, schema ops,
--           schema feat, schema studies, schema store,
--           schema model, schema trade, schema people, schema feedback,
--           schema mlflow
-- Kind      schema
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       One schema for each part, so that a name in psql says where a thing
--           belongs.

create schema if not exists reference;
create schema if not exists market;
create schema if not exists ops;
create schema if not exists feat;
create schema if not exists studies;
create schema if not exists store;
create schema if not exists model;
create schema if not exists trade;
create schema if not exists people;
create schema if not exists feedback;
create schema if not exists mlflow;

comment on schema reference is
    'Reference data: instruments, series, sources, tapes, sessions.';
comment on schema market is
    'The market''s data: ticks, refused ticks, ingest counts, gaps, bars.';
comment on schema ops is
    'Thor''s own state: the edition of the database and its logic files.';
comment on schema feat is
    'Features of bars, by family and width, and their catalogue.';
comment on schema studies is
    'The desk''s studies of quotes, bars and ticks: signals, the TOTAL, '
    'extremes, market opens.';
comment on schema store is
    'Features as they are kept: a row a bar, and what is to be made anew.';
comment on schema model is
    'Trainings, fitted models, which of them is served, and what they predict.';
comment on schema trade is
    'Orders, fills, positions, limits, the kill switch and the journal.';
comment on schema people is
    'Who may look and who may act: accounts, sessions, keys, the audit.';
comment on schema feedback is
    'What became of predictions: outcomes, skill, calibration, drift, parity.';
comment on schema mlflow is
    'MLflow''s own tables, which MLflow makes and migrates: trainings, fitted '
    'models and aliases as model.* has them.';

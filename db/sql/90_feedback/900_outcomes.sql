-- Stage     90 feedback
-- Makes     feedback.outcomes, feedback.parity
-- Kind      table
-- Grain     one row a prediction whose horizon has passed; one row a (trade
--           date, set, symbol)
-- Known at  label_end; checked_at
-- Reads     model.predictions, store.feature_sets
-- Nulls     actual, is_hit and loss where what came after has no label;
--           is_inside of directions; worst_* where all is equal
-- Why       A prediction is held to what happened, by the labels that it
--           learned from.

create table feedback.outcomes (
    prediction_id bigint primary key
    references model.predictions (prediction_id) on delete cascade,
    label_end timestamptz,
    actual float8,
    is_hit boolean,
    is_inside boolean,
    loss float8,
    reason text,
    joined_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    check ((actual is null) = (reason is not null)),
    check ((actual is null) = (label_end is null))
);

comment on table feedback.outcomes is
    'What happened after each prediction, by feat.labels. A bar that changes '
    'later changes its outcome too: changed_at says when.';
comment on column feedback.outcomes.prediction_id is
    'The prediction: model.predictions.';
comment on column feedback.outcomes.label_end is
    'First moment at which it was known.';
comment on column feedback.outcomes.actual is
    'The label: what value was a prediction of; of a regime that of the next '
    'trade date, by the same model.';
comment on column feedback.outcomes.is_hit is
    'direction: value is actual; magnitude: the signs are equal; volatility: '
    'actual is inside low and high; regime: the next trade date has the same. '
    'Null where the mid did not move.';
comment on column feedback.outcomes.is_inside is
    'Whether actual is inside low and high, of a magnitude or volatility.';
comment on column feedback.outcomes.loss is
    'direction: minus the log of the probability of value where it happened, '
    'of the rest where not; else the squared error, of a volatility of its '
    'logs; null of regimes.';
comment on column feedback.outcomes.reason is
    'Why there is no label: a gap, a roll, a halt or the close; of a regime '
    'why the next trade date has none.';
comment on column feedback.outcomes.joined_at is
    'When it was first written, by the database''s clock.';
comment on column feedback.outcomes.changed_at is
    'When it was last written with another value.';

create table feedback.parity (
    trade_date date not null,
    set_hash text not null references store.feature_sets (hash),
    symbol text not null,
    rows bigint not null,
    equal bigint not null,
    different bigint not null,
    missing bigint not null,
    worst_feature text,
    worst_bar timestamptz,
    worst_shown float8,
    worst_computed float8,
    checked_at timestamptz not null default clock_timestamp(),
    primary key (trade_date, set_hash, symbol),
    check (rows = equal + different + missing)
);

comment on table feedback.parity is
    'The rows that models were shown on a trade date against the same rows '
    'computed anew by DuckDB from the lake, to the last digit of what was '
    'shown, which is in single precision.';
comment on column feedback.parity.trade_date is 'The exchange''s day.';
comment on column feedback.parity.set_hash is
    'The feature set: store.feature_sets.hash.';
comment on column feedback.parity.symbol is 'The series.';
comment on column feedback.parity.rows is
    'Rows that were shown, the newest version of each bar.';
comment on column feedback.parity.equal is 'Rows that are equal in every bit.';
comment on column feedback.parity.different is
    'Rows with another value of a feature.';
comment on column feedback.parity.missing is
    'Rows that the lake has no bar for.';
comment on column feedback.parity.worst_feature is
    'The feature that differs most, relative above 1.';
comment on column feedback.parity.worst_bar is 'Where it does.';
comment on column feedback.parity.worst_shown is 'What was shown.';
comment on column feedback.parity.worst_computed is
    'What the lake gives.';
comment on column feedback.parity.checked_at is
    'When it was compared, by the database''s clock.';

-- Stage     50 features
-- Makes     feat.context_1m, feat.context_5m, feat.context_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.context(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.context(text, text[], timestamptz, timestamptz)
-- Why       Every bar of each width, with a comment on each column: definition,
--           unit, look-back, source. Call the function for a range.

create view feat.context_1m as
select f.* from feat.context('1m', null, '-infinity', 'infinity') as f;

create view feat.context_5m as
select f.* from feat.context('5m', null, '-infinity', 'infinity') as f;

create view feat.context_1h as
select f.* from feat.context('1h', null, '-infinity', 'infinity') as f;

comment on view feat.context_1m is
    'Where in its session a bar lies, and where its close lies in the session '
    'before.';
comment on column feat.context_1m.symbol is
    'The series.';
comment on column feat.context_1m.bar_start is
    'First instant of the bar.';
comment on column feat.context_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.context_1m.minutes_since_open is
    'Minutes from the open of the session to the end of the bar. | minutes | '
    'none | reference.sessions';
comment on column feat.context_1m.minutes_to_close is
    'Minutes from the end of the bar to the close of the session. | minutes | '
    'none | reference.sessions';
comment on column feat.context_1m.minutes_since_regular_open is
    'Minutes from the open of regular hours to the end of the bar; negative '
    'before it. | minutes | none | reference.sessions';
comment on column feat.context_1m.is_regular is
    '1 where the bar starts in regular hours, else 0. | 1 | none | '
    'reference.sessions';
comment on column feat.context_1m.is_early_close is
    '1 where the session closes before its usual hour, else 0. | 1 | none | '
    'reference.sessions';
comment on column feat.context_1m.session_number is
    'Number of the session in its calendar. | 1 | none | reference.sessions';
comment on column feat.context_1m.day_of_week is
    'Day of the week of the trade date: 1 Monday to 7 Sunday. | 1 | none | '
    'ISO 8601';
comment on column feat.context_1m.prior_close_distance is
    'Close over the last close of the session before (by session number), '
    'less 1. Null where that session has no bars or a price is not above 0. | '
    'ratio | 1 session | c / close - 1';
comment on column feat.context_1m.prior_high_distance is
    'Close over the high of the session before (by session number), less 1. '
    'Null where that session has no bars or a price is not above 0. | ratio | '
    '1 session | c / high - 1';
comment on column feat.context_1m.prior_low_distance is
    'Close over the low of the session before (by session number), less 1. '
    'Null where that session has no bars or a price is not above 0. | ratio | '
    '1 session | c / low - 1';
comment on column feat.context_1m.prior_range_position is
    'Where the close lies between the low (0) and the high (1) of the session '
    'before (by session number). Null where that session has no bars or a '
    'price is not above 0. | ratio | 1 session | (c - low) / (high - low)';

select feat.copy_comments('context');

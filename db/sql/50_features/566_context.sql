-- Stage     50 features
-- Makes     feat.context_1m, feat.context_5m, feat.context_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.context(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.context(text, text[], timestamptz, timestamptz)
-- Why       The whole of every width, and what each column means: definition,
--           unit, look-back and source. Ask the function for a range.

create view feat.context_1m as
select f.* from feat.context('1m', null, '-infinity', 'infinity') as f;

create view feat.context_5m as
select f.* from feat.context('5m', null, '-infinity', 'infinity') as f;

create view feat.context_1h as
select f.* from feat.context('1h', null, '-infinity', 'infinity') as f;

comment on view feat.context_1m is
    'Where in its session a bar lies, and the close in the session before.';
comment on column feat.context_1m.symbol is
    'The series.';
comment on column feat.context_1m.bar_start is
    'First instant of the bar.';
comment on column feat.context_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.context_1m.minutes_since_open is
    'Minutes from the open of the session to the end of the bar. | minutes '
    '| none | reference.sessions';
comment on column feat.context_1m.minutes_to_close is
    'Minutes from the end of the bar to the close of the session. | minutes'
    ' | none | reference.sessions';
comment on column feat.context_1m.minutes_since_regular_open is
    'Minutes from the open of regular hours to the end of the bar, negative'
    ' before it. | minutes | none | reference.sessions';
comment on column feat.context_1m.is_regular is
    '1 where the bar begins in regular hours, else 0. | 1 | none | '
    'reference.sessions';
comment on column feat.context_1m.is_early_close is
    '1 where the session closes before its usual hour, else 0. | 1 | none |'
    ' reference.sessions';
comment on column feat.context_1m.session_number is
    'The sessions own number in its calendar. | 1 | none | '
    'reference.sessions';
comment on column feat.context_1m.day_of_week is
    'Day of the week of the trade date, 1 Monday to 7 Sunday. | 1 | none | '
    'ISO 8601';
comment on column feat.context_1m.prior_close_distance is
    'Close against the last close of the session before. | ratio | 48 '
    'hourly bars | c / close - 1';
comment on column feat.context_1m.prior_high_distance is
    'Close against the high of the session before. | ratio | 48 hourly bars'
    ' | c / high - 1';
comment on column feat.context_1m.prior_low_distance is
    'Close against the low of the session before. | ratio | 48 hourly bars '
    '| c / low - 1';
comment on column feat.context_1m.prior_range_position is
    'Where the close lies in the reach of the session before: 0 its low, 1 '
    'its high. | ratio | 48 hourly bars | (c - low) / (high - low)';

select feat.copy_comments('context');

-- Stage     60 store
-- Makes     feat.context_1m, feat.context_5m, feat.context_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.context(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('context');

comment on view feat.context_1m is
    'Where in its session a bar lies, and where its close lies in the session '
    'before. Stored: filter by symbol and bar_start, not by known_at.';
comment on column feat.context_1m.symbol is
    'The series.';
comment on column feat.context_1m.bar_start is
    'First instant of the bar.';
comment on column feat.context_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
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

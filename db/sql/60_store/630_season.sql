-- Stage     60 store
-- Makes     feat.season_1m, feat.season_5m, feat.season_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.season(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('season');

comment on view feat.season_1m is
    'A bar beside the bars of the same minute of earlier sessions. Stored: '
    'filter by symbol and bar_start, not by known_at.';
comment on column feat.season_1m.symbol is
    'The series.';
comment on column feat.season_1m.bar_start is
    'First instant of the bar.';
comment on column feat.season_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.season_1m.volume_z_20sessions is
    'Volume less its mean, over its standard deviation, both of the same '
    'minute in the last 20 sessions of the last 30 days; 10 sessions or more. '
    '| 1 | 30 days | z-score, sample deviation';
comment on column feat.season_1m.vol_regime_60min_20sessions is
    'Realised volatility of 60 minutes over its mean at the same minute in '
    'the last 20 sessions of the last 30 days; 10 sessions or more. | ratio | '
    '31 days | realised volatility';

select feat.copy_comments('season');

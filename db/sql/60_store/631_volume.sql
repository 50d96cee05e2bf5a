-- Stage     60 store
-- Makes     feat.volume_1m, feat.volume_5m, feat.volume_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.volume(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('volume');

comment on view feat.volume_1m is
    'What traded, and where the close lies beside what was paid. Stored: '
    'filter by symbol and bar_start, not by known_at.';
comment on column feat.volume_1m.symbol is
    'The series.';
comment on column feat.volume_1m.bar_start is
    'First instant of the bar.';
comment on column feat.volume_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.volume_1m.volume_ratio_20 is
    'Volume over the mean volume of the twenty bars before. | ratio | 20 bars '
    '| v / mean(v)';
comment on column feat.volume_1m.vwap_distance_20 is
    'Close over the volume-weighted average price of the last twenty bars, '
    'less 1; bars that lack their average price count with their typical '
    'price. Null where a price is not above 0. | ratio | 19 bars | c / vwap - '
    '1';
comment on column feat.volume_1m.obv_share_20 is
    'Volume of the bars that rose less volume of the bars that fell, over all '
    'volume, in the last twenty bars. | ratio | 20 bars | OBV over volume';

select feat.copy_comments('volume');

-- Stage     60 store
-- Makes     feat.volatility_1m, feat.volatility_5m, feat.volatility_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.volatility(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('volatility');

comment on view feat.volatility_1m is
    'How much the price moves. Stored: filter by symbol and bar_start, not by '
    'known_at.';
comment on column feat.volatility_1m.symbol is
    'The series.';
comment on column feat.volatility_1m.bar_start is
    'First instant of the bar.';
comment on column feat.volatility_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.volatility_1m.realised_15min is
    'Root of the summed squared log returns between the bars of the last 15 '
    'minutes. | ratio | 15 min | realised volatility';
comment on column feat.volatility_1m.realised_60min is
    'Root of the summed squared log returns between the bars of the last 60 '
    'minutes. | ratio | 60 min | realised volatility';
comment on column feat.volatility_1m.deviation_20 is
    'Standard deviation of the last twenty log returns. | ratio | 20 bars | '
    'sample deviation';
comment on column feat.volatility_1m.parkinson_20 is
    'Deviation of a bar, estimated from the highs and lows of the last twenty '
    'bars. | ratio | 19 bars | Parkinson 1980';
comment on column feat.volatility_1m.garman_klass_20 is
    'Deviation of a bar, estimated from open, high, low and close of the last '
    'twenty bars. | ratio | 19 bars | Garman and Klass 1980';
comment on column feat.volatility_1m.vol_forecast_ewma_94 is
    'Forecast of the deviation of the next bar''s log return: root of the '
    'exponential mean of squared log returns that keeps 0.94 at each bar and '
    'starts with the mean of the first twenty. | ratio | 467 bars | '
    'RiskMetrics 1996, lambda 0.94';

select feat.copy_comments('volatility');

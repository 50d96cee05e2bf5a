-- Stage     60 store
-- Makes     feat.microstructure_1m, feat.microstructure_5m,
--           feat.microstructure_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.microstructure(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('microstructure');

comment on view feat.microstructure_1m is
    'What happened within the bar, between its buyers and its sellers. '
    'Stored: filter by symbol and bar_start, not by known_at.';
comment on column feat.microstructure_1m.symbol is
    'The series.';
comment on column feat.microstructure_1m.bar_start is
    'First instant of the bar.';
comment on column feat.microstructure_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.microstructure_1m.spread_mean_ticks is
    'Mean of ask less bid over the records that have both. | ticks | none | '
    'market.bars_1m spread_mean, reference.instruments tick_size';
comment on column feat.microstructure_1m.spread_last_ticks is
    'Last ask less last bid of the bar. | ticks | none | market.bars_1m, '
    'reference.instruments tick_size';
comment on column feat.microstructure_1m.quote_imbalance is
    'Bid size less ask size, over their sum, in the last record of the bar '
    'that has both. | ratio | none | (b - a) / (b + a)';
comment on column feat.microstructure_1m.tick_direction_1min is
    'Rises less falls over their number, between the seconds with a trade in '
    'the last minute of the bar. | ratio | none | market.bars_1s';
comment on column feat.microstructure_1m.aggressor_balance is
    'Contracts bought at the ask less contracts sold at the bid, over their '
    'sum. | ratio | none | (b - s) / (b + s)';
comment on column feat.microstructure_1m.trade_intensity is
    'Trades a second. | trades a second | none | trades / length';
comment on column feat.microstructure_1m.trade_size_mean is
    'Contracts a trade. | contracts | none | volume / trades';

select feat.copy_comments('microstructure');

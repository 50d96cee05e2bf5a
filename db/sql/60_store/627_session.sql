-- Stage     60 store
-- Makes     feat.session_1m, feat.session_5m, feat.session_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     store.features_1h, store.features_1m, store.features_5m
-- Nulls     as feat.session(text, text[], timestamptz, timestamptz)
-- Why       The stored rows of the family, with a comment on each column:
--           definition, unit, look-back, source.

select store.make_views('session');

comment on view feat.session_1m is
    'What the session has done so far. Stored: filter by symbol and '
    'bar_start, not by known_at.';
comment on column feat.session_1m.symbol is
    'The series.';
comment on column feat.session_1m.bar_start is
    'First instant of the bar.';
comment on column feat.session_1m.known_at is
    'First moment at which a decision may use the row. It has no index: '
    'filter by bar_start.';
comment on column feat.session_1m.return_session is
    'Close over the first open of the session, less 1. Null where a price is '
    'not above 0. | ratio | session | c / open - 1';
comment on column feat.session_1m.drawdown_session is
    'Close over the highest high of the session so far, less 1. Null where a '
    'price is not above 0. | ratio | session | c / max(h) - 1';
comment on column feat.session_1m.realised_session is
    'Root of the summed squared log returns between the bars of the session '
    'so far. | ratio | session | realised volatility';
comment on column feat.session_1m.volume_session is
    'Contracts traded in the session so far. | contracts | session | sum of '
    'volumes';
comment on column feat.session_1m.vwap_session is
    'Volume-weighted average price of the session so far: exact for bars made '
    'of ticks, the typical price (high + low + close) / 3 for imported bars. '
    '| points | session | sum(p v) / sum(v)';
comment on column feat.session_1m.vwap_distance is
    'Close over vwap_session, less 1. Null where a price is not above 0. | '
    'ratio | session | c / vwap - 1';
comment on column feat.session_1m.obv_session is
    'On-balance volume since the open: volume of the bars that rose less '
    'volume of the bars that fell. | contracts | session | Granville 1963, OBV';
comment on column feat.session_1m.obv_share_session is
    'obv_session over volume_session. | ratio | session | OBV over volume';

select feat.copy_comments('session');

-- Stage     50 features
-- Makes     feat.session_1m, feat.session_5m, feat.session_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.session(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.session(text, text[], timestamptz, timestamptz)
-- Why       The whole of every width, and what each column means: definition,
--           unit, look-back and source. Ask the function for a range.

create view feat.session_1m as
select f.* from feat.session('1m', null, '-infinity', 'infinity') as f;

create view feat.session_5m as
select f.* from feat.session('5m', null, '-infinity', 'infinity') as f;

create view feat.session_1h as
select f.* from feat.session('1h', null, '-infinity', 'infinity') as f;

comment on view feat.session_1m is
    'What the session has done so far.';
comment on column feat.session_1m.symbol is
    'The series.';
comment on column feat.session_1m.bar_start is
    'First instant of the bar.';
comment on column feat.session_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.session_1m.return_session is
    'Change of the close against the first open of the session. | ratio | '
    'session | c / open - 1';
comment on column feat.session_1m.drawdown_session is
    'Close against the highest high of the session so far. | ratio | '
    'session | c / max(h) - 1';
comment on column feat.session_1m.realised_session is
    'Root of the summed squared log returns between the bars of the '
    'session. | ratio | session | realised volatility';
comment on column feat.session_1m.volume_session is
    'Contracts traded in the session so far. | contracts | session | sum of'
    ' volumes';
comment on column feat.session_1m.vwap_session is
    'Mean of the typical prices of the session, weighted by volume. | '
    'points | session | sum(p v) / sum(v)';
comment on column feat.session_1m.vwap_distance is
    'Close against vwap_session. | ratio | session | c / vwap - 1';
comment on column feat.session_1m.obv_session is
    'Volume of the bars that rose less that of those that fell, since the '
    'open. | contracts | session | Granville 1963, OBV';
comment on column feat.session_1m.obv_share_session is
    'obv_session over volume_session. | ratio | session | OBV over volume';

select feat.copy_comments('session');

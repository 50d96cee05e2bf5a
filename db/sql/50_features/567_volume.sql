-- Room      50 features
-- Makes     feat.volume_1m, feat.volume_5m, feat.volume_1h
-- Kind      view
-- Grain     one row a (symbol, bar) with a trade
-- Known at  known_at
-- Reads     feat.volume(text, text[], timestamptz, timestamptz)
-- Nulls     as feat.volume(text, text[], timestamptz, timestamptz)
-- Why       The whole of every width, and what each column means: definition,
--           unit, look-back and source. Ask the function for a range.

create view feat.volume_1m as
select f.* from feat.volume('1m', null, '-infinity', 'infinity') as f;

create view feat.volume_5m as
select f.* from feat.volume('5m', null, '-infinity', 'infinity') as f;

create view feat.volume_1h as
select f.* from feat.volume('1h', null, '-infinity', 'infinity') as f;

comment on view feat.volume_1m is
    'What traded, and on which side of it the price is.';
comment on column feat.volume_1m.symbol is
    'The series.';
comment on column feat.volume_1m.bar_start is
    'First instant of the bar.';
comment on column feat.volume_1m.known_at is
    'First moment at which a decision may use the row.';
comment on column feat.volume_1m.volume_session is
    'Contracts traded in the session so far. | contracts | session | sum of'
    ' volumes';
comment on column feat.volume_1m.volume_ratio_20 is
    'Volume over the mean of the twenty bars before. | ratio | 20 bars | v '
    '/ mean(v)';
comment on column feat.volume_1m.vwap_session is
    'Mean of the typical prices of the session, weighted by volume. | '
    'points | session | sum(p v) / sum(v)';
comment on column feat.volume_1m.vwap_distance is
    'Close against vwap_session. | ratio | session | c / vwap - 1';
comment on column feat.volume_1m.obv_session is
    'Volume of the bars that rose less that of those that fell, since the '
    'open. | contracts | session | Granville 1963, OBV';
comment on column feat.volume_1m.obv_share_session is
    'obv_session over volume_session. | ratio | session | OBV over volume';

select feat.copy_comments('volume');

-- Stage     50 features
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
comment on column feat.volume_1m.volume_ratio_20 is
    'Volume over the mean of the twenty bars before. | ratio | 20 bars | v '
    '/ mean(v)';
comment on column feat.volume_1m.vwap_distance_20 is
    'Close against the mean of the last twenty typical prices, weighted by '
    'volume. | ratio | 19 bars | c / vwap - 1';
comment on column feat.volume_1m.obv_share_20 is
    'Volume of those of the last twenty bars that rose less that of those '
    'that fell, over the volume of all. | ratio | 20 bars | OBV over volume';

select feat.copy_comments('volume');

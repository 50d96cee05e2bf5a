-- The comments that psql, the API and the pages show, in plain words.
comment on procedure market.convert_chunks(integer, jsonb) is
    'Converts old chunks of a hypertable to columnstore, unless a snapshot of '
    'the database is being read.';
comment on column market._bars_1s.volume is
    'Contracts traded; null where no trade has a size.';
comment on column market._bars_1s.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars_1s.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';
comment on column market._bars_1m.volume is
    'Contracts traded; null where no trade has a size.';
comment on column market._bars_1m.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars_1m.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';
comment on column market._bars_5m.volume is
    'Contracts traded; null where no trade has a size.';
comment on column market._bars_5m.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars_5m.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';
comment on column market._bars_1h.volume is
    'Contracts traded; null where no trade has a size.';
comment on column market._bars_1h.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars_1h.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';

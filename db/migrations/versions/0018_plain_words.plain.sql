-- The comments that psql, the API and the pages show, in plain words.
comment on column market._bars.volume is
    'Contracts traded; null where no trade has a size.';
comment on column market._bars.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';
comment on function market.keep_bars() is
    'Makes the bars of inserted ticks and adds them to the stored ones.';

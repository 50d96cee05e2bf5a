-- A session and its returns are counted by trade date, which a calendar moves.
create or replace function store.note_instrument() returns trigger
language plpgsql as $$
begin
    insert into store.features_to_refresh (
        width, symbol, family, ts_from, ts_to, reason
    )
    select w.width, s.symbol, f.family, '-infinity', 'infinity', 'calendar'
    from reference.series as s
    cross join (values ('1m'), ('5m'), ('1h')) as w (width)
    cross join (values
        -- A stock's trade date is its own.
        ('context', new.calendar is distinct from old.calendar),
        ('session', new.calendar is distinct from old.calendar),
        ('cross_asset', new.calendar is distinct from old.calendar),
        ('microstructure', new.tick_size is distinct from old.tick_size)
    ) as f (family, is_changed)
    where
        s.root = new.symbol
        and f.is_changed
        and (
            exists (
                select from store.features_1m as m where m.symbol = s.symbol
            )
            or exists (
                select from store.features_5m as m where m.symbol = s.symbol
            )
            or exists (
                select from store.features_1h as m where m.symbol = s.symbol
            )
        );
    return null;
end $$;

-- Stage     60 store
-- Makes     store.note_late_captures(),
--           trigger note_late_captures on store.features_to_refresh
-- Kind      trigger function and trigger
-- Grain     one range a range of late minutes
-- Known at  –
-- Reads     store.features_to_refresh
-- Nulls     –
-- Why       Ticks that come after their minute are recorded here in either
--           edition: a capture that has read that minute is then made and
--           graded anew. Where there is none nothing is recorded.

create function store.note_late_captures() returns trigger
language plpgsql as $$
begin
    insert into studies.late_ticks (symbol, ts_from, ts_to)
    select new.symbol, new.ts_from, new.ts_to
    where exists (
        select
        from studies.market_sessions as s
        where
            s.captured_at >= new.ts_from - interval '1 day'
            and s.captured_at < new.ts_to + interval '1 day'
            and s.graded_to > new.ts_from
    );
    return null;
end $$;

create trigger note_late_captures
after insert on store.features_to_refresh
for each row
when (new.width = '1m' and new.reason = 'late')
execute function store.note_late_captures();

comment on function store.note_late_captures() is
    'Notes late ticks for the captures of market openings that have read '
    'their minute.';

-- A rebuild of bars changes no tick: it makes no capture stale.
drop trigger note_late_captures on store.features_to_refresh;

create trigger note_late_captures
after insert on store.features_to_refresh
for each row
when (new.width = '1m' and new.reason = 'late')
execute function store.note_late_captures();

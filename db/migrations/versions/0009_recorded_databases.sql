-- A database of recorded days, beside those of simulated and of live ones.

alter table ops.edition drop constraint edition_nature_check;
alter table ops.edition add constraint edition_nature_check
check (nature in ('simulated', 'recorded', 'live'));
comment on column ops.edition.nature is
    'simulated: Thor''s own simulator feeds it; recorded: files do; live: a '
    'market does. Each stays out of the others'' databases.';

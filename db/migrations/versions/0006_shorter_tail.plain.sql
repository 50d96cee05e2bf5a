-- Nothing: on this edition bars are never behind their ticks.
select 1;

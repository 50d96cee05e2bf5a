-- The plain edition has no columns to convert to.
select 1;

-- A floor for what is computed of bars. Its views and functions are logic.
create schema if not exists feat;

comment on schema feat is
    'What bars say: features by family and width, and their catalogue.';

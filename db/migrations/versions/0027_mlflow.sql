create schema if not exists mlflow;

comment on schema mlflow is
    'MLflow''s own tables, which MLflow makes and migrates: trainings, fitted '
    'models and aliases as model.* has them.';

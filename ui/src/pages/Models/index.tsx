import { Button, VisuallyHidden } from '@mantine/core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { Plain, Size, Time } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { queryClient } from '@/services/queries';

import { Live } from './Live';
import css from './Models.module.css';
import { compared, hasSkill, question, type Alias, type Fold, type Model, type Run } from './models';

const EVERY_MS = 5_000;
const LIMIT = 100;
const COMPARED_MAX = 3;

/** What was trained, how good it is on what it had not seen, and what is served. */
export default function Models() {
  const zone = useZone();
  const mayServe = useMay('ADMIN');
  const [picked, pick] = useState<readonly number[]>([]);
  const [refused, refuse] = useState<{ title: string; error: unknown } | null>(null);
  const [isSending, send] = useState(false);
  const again = { refetchInterval: EVERY_MS, staleTime: EVERY_MS };
  const query = { params: { query: { limit: LIMIT } } };
  const aliases = useQuery({ queryKey: ['models', 'aliases'], queryFn: () => data(api.GET('/api/models/aliases')), ...again });
  const models = useQuery({ queryKey: ['models', 'versions'], queryFn: () => data(api.GET('/api/models', query)), ...again });
  const runs = useQuery({ queryKey: ['models', 'runs'], queryFn: () => data(api.GET('/api/models/runs', query)), ...again });
  const act = async (title: string, request: () => Promise<unknown>) => {
    refuse(null);
    send(true);
    try {
      await request();
    } catch (error) {
      refuse({ title, error });
    }
    await queryClient.invalidateQueries({ queryKey: ['models'] });
    send(false);
  };
  const promote = (model: Model, alias: 'champion' | 'challenger') =>
    void act(`Model ${model.id} was not promoted.`, () =>
      data(api.POST('/api/models/{model}/promote', { params: { path: { model: model.id } }, body: { alias } })),
    );
  const rollBack = ({ target, horizon, symbols, alias }: Alias) =>
    void act('It was not rolled back.', () =>
      data(api.POST('/api/models/rollback', { body: { target, horizon, symbols, alias } })),
    );
  const toggle = (run: number) =>
    pick(picked.includes(run) ? picked.filter((one) => one !== run) : [...picked, run].slice(-COMPARED_MAX));
  const failed = [aliases, models, runs].find(({ error }) => error !== null);
  if (!aliases.data || !models.data || !runs.data) {
    return failed ? (
      <Failure title="The models could not be read." error={failed.error} onRetry={() => void failed.refetch()} />
    ) : (
      <Loading rows={9} height={24} />
    );
  }
  const done = runs.data.filter(({ state }) => state === 'done');
  const chosen = done.filter(({ run_id }) => picked.includes(run_id));
  const shown = chosen.length > 0 ? chosen : done.slice(0, 1);
  return (
    <>
      <h1>Models</h1>
      {failed && <Failure title="The models could not be read again." error={failed.error} still="What stands here is older." />}
      {refused && <Failure title={refused.title} error={refused.error} />}
      <Panel title="Served" isFlush sql={{ statement: () => ALIASES_SQL, gives: `${aliases.data.length} rows` }}>
        {aliases.data.length === 0 ? (
          <Empty title="No model is served.">One that has shown skill can be promoted below.</Empty>
        ) : (
          <div className={css.scroll} tabIndex={0} role="region" aria-label="Served models">
            <table className={css.table} data-testid="aliases">
              <thead>
                <tr>
                  <th scope="col">Predicts</th>
                  <th scope="col">As</th>
                  <th scope="col">Model</th>
                  <th scope="col" className={css.right}>Skill</th>
                  <th scope="col">Since</th>
                  <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>
                </tr>
              </thead>
              <tbody>
                {aliases.data.map((one) => (
                  <tr key={`${question(one)} ${one.alias}`}>
                    <th scope="row">{question(one)}</th>
                    <td>{one.alias}</td>
                    <td>
                      {one.version_id}, {one.model}
                      <small>{one.reason}</small>
                    </td>
                    <SkillCell of={one} />
                    <td className="nowrap">
                      <Time at={one.set_at} zone={zone} />
                      <small>by {one.set_by}</small>
                    </td>
                    <td className={css.actions}>
                      {mayServe && (
                        <Button size="compact-xs" disabled={isSending} aria-label={`Roll back ${one.alias}: ${question(one)}`} onClick={() => rollBack(one)}>
                          Roll back
                        </Button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <Live aliases={aliases.data} zone={zone} />
      <Panel title="Fitted models" meta="skill out of sample over the baseline, 95% interval" isFlush sql={{ statement: () => MODELS_SQL, gives: `${models.data.length} rows` }}>
        {models.data.length === 0 ? (
          <Empty title="There is no model.">`thor train --target direction --horizon 1m --symbols ES` fits one.</Empty>
        ) : (
          <div className={css.scroll} tabIndex={0} role="region" aria-label="Fitted models">
            <table className={css.table} data-testid="models">
              <thead>
                <tr>
                  <th scope="col">Model</th>
                  <th scope="col">Predicts</th>
                  <th scope="col" className={css.right}>Skill</th>
                  <th scope="col">Learned of bars until</th>
                  <th scope="col">Served as</th>
                  <th scope="col"><VisuallyHidden>Actions</VisuallyHidden></th>
                </tr>
              </thead>
              <tbody>
                {models.data.map((model) => (
                  <tr key={model.id} data-model={model.id}>
                    <th scope="row">{model.id}, {model.model}</th>
                    <td>{question(model)}</td>
                    <SkillCell of={model} />
                    <td className="nowrap"><Time at={model.span_to} zone={zone} /></td>
                    <td data-field="alias">{model.alias ?? '–'}</td>
                    <td className={css.actions}>
                      {mayServe && (['champion', 'challenger'] as const).map((alias) => (
                        <Button
                          key={alias}
                          size="compact-xs"
                          disabled={isSending || (model.alias ?? '').includes(alias)}
                          aria-label={`Make model ${model.id} ${alias}`}
                          onClick={() => promote(model, alias)}
                        >
                          {alias === 'champion' ? 'Champion' : 'Challenger'}
                        </Button>
                      ))}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      <Panel title="Trainings" meta={`pick up to ${COMPARED_MAX} to compare`} isFlush sql={{ statement: () => RUNS_SQL, gives: `${runs.data.length} rows` }}>
        {runs.data.length === 0 ? (
          <Empty title="Nothing was trained yet.">`thor train` does it.</Empty>
        ) : (
          <div className={css.scroll} tabIndex={0} role="region" aria-label="Trainings">
            <table className={css.table} data-testid="trainings">
              <thead>
                <tr>
                  <th scope="col">Training</th>
                  <th scope="col">Predicts</th>
                  <th scope="col">Best</th>
                  <th scope="col" className={css.right}>Skill</th>
                  <th scope="col" className={css.right}>Rows</th>
                  <th scope="col">Report</th>
                </tr>
              </thead>
              <tbody>
                {runs.data.map((run) => (
                  <RunRow key={run.run_id} run={run} zone={zone} isPicked={shown.includes(run)} onPick={() => toggle(run.run_id)} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {shown.length > 0 && <Compared runs={shown} zone={zone} />}
    </>
  );
}

function SkillCell({ of }: { of: Pick<Model, 'skill' | 'skill_low' | 'skill_high'> }) {
  return (
    <td className={`${css.right} nowrap`} data-field="skill" data-kind={hasSkill(of) ? 'good' : 'bad'}>
      <Plain value={of.skill} places={4} />
      <small>
        <Plain value={of.skill_low} places={4} /> to <Plain value={of.skill_high} places={4} />
      </small>
    </td>
  );
}

function RunRow({ run, zone, isPicked, onPick }: { run: Run; zone: string; isPicked: boolean; onPick: () => void }) {
  return (
    <tr data-selected={isPicked} data-run={run.run_id}>
      <th scope="row">
        <button type="button" className={css.name} aria-pressed={isPicked} disabled={run.state !== 'done'} onClick={onPick}>
          {run.run_id}
        </button>
        <small><Time at={run.started_at} zone={zone} /></small>
      </th>
      <td>
        {question(run)}
        <small>set {run.set_name} {run.set_version}</small>
      </td>
      <td>
        {run.state === 'done' ? run.best_model : run.state}
        {run.reason && <small>{run.reason}</small>}
        {run.baseline && <small>over {run.baseline}</small>}
      </td>
      <SkillCell of={run} />
      <td className={css.right}><Size value={run.rows} /></td>
      <td>
        {run.state === 'done' && (
          <a href={`/api/models/runs/${run.run_id}/report`} target="_blank" rel="noreferrer" aria-label={`Report of training ${run.run_id}`}>
            Open
          </a>
        )}
      </td>
    </tr>
  );
}

/** Trainings beside one another: the skill of each one's best model, fold by fold. */
function Compared({ runs, zone }: { runs: readonly Run[]; zone: string }) {
  const found = useQueries({
    queries: runs.map(({ run_id }) => ({
      queryKey: ['models', 'folds', run_id],
      queryFn: () => data(api.GET('/api/models/runs/{run}/folds', { params: { path: { run: run_id } } })),
    })),
  });
  const folds = found.flatMap(({ data: rows }) => rows ?? ([] as Fold[]));
  const failed = found.find(({ error }) => error !== null);
  return (
    <Panel
      title={`Folds of ${runs.length === 1 ? 'training' : 'trainings'} ${runs.map(({ run_id }) => run_id).join(', ')}`}
      meta="skill of the best model, its interval, its trades and their profit after costs"
      isFlush
      sql={{ statement: () => foldsSql(runs), gives: `${folds.length} rows` }}
    >
      {failed && <Failure title="The folds could not be read." error={failed.error} />}
      {runs.some(({ target }) => target !== runs[0]?.target) && (
        <Note title="These trainings predict different things: their skills are not of one measure." />
      )}
      <div className={css.scroll} tabIndex={0} role="region" aria-label="Folds">
        <table className={css.table} data-testid="folds">
          <thead>
            <tr>
              <th scope="col">Fold</th>
              {runs.map((run) => (
                <th key={run.run_id} scope="col" className={css.right}>
                  {run.run_id}, {run.best_model}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {compared(runs, folds).map(({ fold, skills }) => (
              <tr key={fold}>
                <th scope="row">
                  {fold}
                  <small>from <Time at={skills.find((one) => one)?.test_from} zone={zone} /></small>
                </th>
                {skills.map((one, at) =>
                  one ? (
                    <td key={runs[at]?.run_id} className={`${css.right} nowrap`} data-kind={hasSkill(one) ? 'good' : 'bad'}>
                      <Plain value={one.skill} places={4} />
                      <small>
                        <Plain value={one.skill_low} places={4} /> to <Plain value={one.skill_high} places={4} />
                      </small>
                      <small>
                        <Size value={one.trades} /> trades, <Plain value={one.profit_ticks} places={1} /> ticks
                      </small>
                    </td>
                  ) : (
                    <td key={runs[at]?.run_id} className={css.right}>–</td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

const ALIASES_SQL = `select alias, target, horizon, symbols, version_id, set_at, set_by, reason
from model.aliases
order by target, horizon, symbols, alias;`;

const MODELS_SQL = `select id, run_id, model, target, horizon, symbols, skill, skill_low, skill_high, span_to
from model.versions
order by id desc
limit ${LIMIT};`;

const RUNS_SQL = `select run_id, target, horizon, symbols, state, best_model, baseline, skill, skill_low,
       skill_high, rows, started_at, reason
from model.runs
order by run_id desc
limit ${LIMIT};`;

function foldsSql(runs: readonly Run[]): string {
  return `select run_id, fold, model, skill, skill_low, skill_high, trades, profit_ticks
from model.folds
where run_id in (${runs.map(({ run_id }) => run_id).join(', ')})
order by fold, run_id, is_baseline, model;`;
}

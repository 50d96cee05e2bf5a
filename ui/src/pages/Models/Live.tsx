import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import { Plain, Share, Size, Time } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading, Note } from '@/components/states/states';
import { api, data } from '@/services/api';
import { queryClient } from '@/services/queries';
import { stream } from '@/services/stream';

import { levelOf, question, questionOf, type Alias, type Drift } from './models';
import css from './Models.module.css';

const EVERY_MS = 10_000;
// From how many on feedback.drift and feedback.calibration_decay know a level.
const ROWS_MIN = 400;
const OUTCOMES_MIN = 200;
const DRIFTS = 10;

/** What is served, as it does live: hit rates, calibration, drift, and what fell silent and why. */
export function Live({ aliases, zone }: { aliases: readonly Alias[]; zone: string }) {
  const again = { refetchInterval: EVERY_MS, staleTime: EVERY_MS };
  const skill = useQuery({ queryKey: ['live', 'skill'], queryFn: () => data(api.GET('/api/models/skill')), ...again });
  const decay = useQuery({ queryKey: ['live', 'decay'], queryFn: () => data(api.GET('/api/models/decay')), ...again });
  const drift = useQuery({ queryKey: ['live', 'drift'], queryFn: () => data(api.GET('/api/models/drift')), ...again });
  const silences = useQuery({ queryKey: ['live', 'silences'], queryFn: () => data(api.GET('/api/models/silences')), ...again });
  useEffect(() => stream.on('prediction', () => void queryClient.invalidateQueries({ queryKey: ['live', 'skill'] })), []);
  const failed = [skill, decay, drift, silences].find(({ error }) => error !== null);
  if (!skill.data || !decay.data || !drift.data || !silences.data) {
    return failed ? (
      <Failure title="What is predicted live could not be read." error={failed.error} onRetry={() => void failed.refetch()} />
    ) : (
      <Loading rows={3} height={24} />
    );
  }
  const served = new Set(aliases.map(({ version_id }) => version_id));
  const champion = aliases.find(({ alias }) => alias === 'champion');
  return (
    <>
      {failed && <Failure title="What is predicted live could not be read again." error={failed.error} still="What stands here is older." />}
      {silences.data.map((one) => (
        <Note key={question(one)} kind="warning" title={`Silent: ${question(one)}.`}>
          Model {one.model_id} was taken out of service: {one.reason}. Since <Time at={one.demoted_at} zone={zone} />;
          `thor train --due` trains another.
        </Note>
      ))}
      <Panel title="Live" meta="hits of what was predicted as bars closed, Wilson's 95% interval" isFlush sql={{ statement: () => SKILL_SQL, gives: `${skill.data.length} rows` }}>
        {skill.data.length === 0 ? (
          <Empty title="Nothing was predicted yet.">A promoted model predicts with every bar that closes.</Empty>
        ) : (
          <div className={css.scroll} tabIndex={0} role="region" aria-label="Live predictions">
            <table className={css.table} data-testid="live">
              <thead>
                <tr>
                  <th scope="col">Model</th>
                  <th scope="col" className={css.right}>Hit rate</th>
                  <th scope="col" className={css.right}>Expected</th>
                  <th scope="col" className={css.right}>Predictions</th>
                  <th scope="col" className={css.right}>Outcomes</th>
                  <th scope="col" className={css.right}>After the bar, ms</th>
                  <th scope="col">Calibration</th>
                  <th scope="col">Drift</th>
                </tr>
              </thead>
              <tbody>
                {skill.data.map((one) => {
                  const calibration = decay.data.find(({ model_id }) => model_id === one.model_id);
                  const worst = drift.data.find(({ model_id }) => model_id === one.model_id);
                  return (
                    <tr key={one.model_id} data-model={one.model_id} data-selected={served.has(one.model_id)}>
                      <th scope="row">
                        {one.model_id}
                        <small className="nowrap">{questionOf(one)}</small>
                      </th>
                      <td className={`${css.right} nowrap`} data-field="hit-rate">
                        <Share value={one.hit_rate} />
                        <small>
                          <Share value={one.hit_rate_low} /> to <Share value={one.hit_rate_high} />
                        </small>
                      </td>
                      <td className={css.right}><Share value={one.expected} /></td>
                      <td className={css.right}>
                        <Size value={one.predictions} />
                        <small><Size value={one.refused} /> refused</small>
                      </td>
                      <td className={css.right}><Size value={one.outcomes} /></td>
                      <td className={css.right}><Plain value={one.latency_ms} places={0} /></td>
                      <td className="nowrap" data-level={calibration?.level ?? 'unknown'}>
                        {levelOf(calibration?.level)}
                        {calibration && (
                          <small>
                            {calibration.level === 'unknown' ? (
                              <><Size value={calibration.outcomes} /> of {OUTCOMES_MIN} outcomes</>
                            ) : (
                              <><Share value={calibration.happened} /> of <Share value={calibration.expected} /></>
                            )}
                          </small>
                        )}
                      </td>
                      <td className="nowrap" data-level={worst?.level ?? 'unknown'}>
                        {levelOf(worst?.level)}
                        {worst && (
                          <small>
                            {worst.level === 'unknown' ? (
                              <><Size value={worst.rows} /> of {ROWS_MIN} rows</>
                            ) : (
                              <>{worst.feature} <Plain value={worst.psi} places={2} /></>
                            )}
                          </small>
                        )}
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {champion && <Calibration model={champion.version_id} />}
      {drift.data.length > 0 && <Drifts rows={drift.data} />}
    </>
  );
}

/** How often what was predicted came true, by tenths of its probability. */
function Calibration({ model }: { model: number }) {
  const found = useQuery({
    queryKey: ['live', 'calibration', model],
    queryFn: () => data(api.GET('/api/models/{model}/calibration', { params: { path: { model } } })),
    refetchInterval: EVERY_MS,
  });
  if (found.error) return <Failure title="The calibration could not be read." error={found.error} />;
  if (!found.data || found.data.length === 0) return null;
  return (
    <Panel title={`Calibration of model ${model}`} meta="how often it came true, by tenths of the probability" isFlush sql={{ statement: () => calibrationSql(model), gives: `${found.data.length} rows` }}>
      <div className={css.scroll} tabIndex={0} role="region" aria-label="Calibration">
        <table className={css.table} data-testid="calibration">
          <thead>
            <tr>
              <th scope="col" className={css.right}>Predicted</th>
              <th scope="col" className={css.right}>Happened</th>
              <th scope="col" className={css.right}>Outcomes</th>
            </tr>
          </thead>
          <tbody>
            {found.data.map((one) => (
              <tr key={one.bin}>
                <td className={css.right}><Share value={one.predicted} /></td>
                <td className={css.right}><Share value={one.happened} /></td>
                <td className={css.right}><Size value={one.outcomes} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

/** The population stability index of each feature that a served model is shown; of few rows it says nothing. */
function Drifts({ rows }: { rows: readonly Drift[] }) {
  const [isWhole, showWhole] = useState(false);
  const known = rows.filter(({ level }) => level !== 'unknown');
  const shown = isWhole ? known : known.slice(0, DRIFTS);
  return (
    <Panel title="Drift" meta="population stability index of the newest 500 rows, the worst feature first" isFlush sql={{ statement: () => DRIFT_SQL, gives: `${rows.length} rows` }}>
      {shown.length === 0 ? (
        <Empty title="Too few rows to know.">A drift is measured from {ROWS_MIN} rows on; there are {Math.max(...rows.map((one) => one.rows))}.</Empty>
      ) : (
        <div className={css.scroll} tabIndex={0} role="region" aria-label="Drift">
          <table className={css.table} data-testid="drift">
            <thead>
              <tr>
                <th scope="col">Feature</th>
                <th scope="col" className={css.right}>Model</th>
                <th scope="col" className={css.right}>PSI</th>
                <th scope="col" className={css.right}>Usual</th>
                <th scope="col" className={css.right}>Demotes at</th>
                <th scope="col" className={css.right}>Rows</th>
                <th scope="col">State</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((one) => (
                <tr key={`${one.model_id} ${one.feature}`}>
                  <th scope="row">{one.feature}</th>
                  <td className={css.right}>{one.model_id}</td>
                  <td className={css.right}><Plain value={one.psi} places={3} /></td>
                  <td className={css.right}><Plain value={one.usual_psi} places={3} /></td>
                  <td className={css.right}><Plain value={one.demotes_at} places={3} /></td>
                  <td className={css.right}><Size value={one.rows} /></td>
                  <td className="nowrap" data-level={one.level}>{levelOf(one.level)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {known.length > DRIFTS && (
            <Button variant="subtle" size="compact-xs" m="xs" onClick={() => showWhole(!isWhole)}>
              {isWhole ? `The worst ${DRIFTS}` : `All ${known.length} features`}
            </Button>
          )}
        </div>
      )}
    </Panel>
  );
}

const SKILL_SQL = `select model_id, symbol, trade_date, predictions, refused, outcomes, hits, hit_rate,
       hit_rate_low, hit_rate_high, expected, latency_ms
from feedback.skill_daily
order by trade_date desc, model_id, symbol;`;

const DRIFT_SQL = `select model_id, feature, rows, psi, usual_psi, demotes_at, level
from feedback.drift
order by model_id, psi / demotes_at desc nulls last, feature;`;

function calibrationSql(model: number): string {
  return `select bin, predicted, happened, outcomes
from feedback.calibration
where model_id = ${model}
order by bin;`;
}

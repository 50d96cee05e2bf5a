import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';

import { SignalChip } from '@/components/figures/Signal';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { now } from '@/hooks/useQuote';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { SET } from '@/services/desk';
import * as format from '@/services/format';
import { literal, moment } from '@/services/sql';
import type { components } from '@/types/api';

import { TotalStrip } from '../Futures/Total';
import { Lines } from './Lines';
import css from './Total.module.css';

type Step = components['schemas']['DeskTotalStep'];

/** Spans that are shown, each in so many seconds a step: about a hundred steps. */
const SPANS = {
  '15m': { title: '15 minutes', ms: 900_000, step: 10 },
  '1h': { title: 'Hour', ms: 3_600_000, step: 40 },
  '6h': { title: '6 hours', ms: 21_600_000, step: 240 },
  '1d': { title: 'Day', ms: 86_400_000, step: 900 },
} as const;
type Span = keyof typeof SPANS;
const EVERY_MS = 10_000;

/** The TOTAL over time: its average, the sum of the signals' weights, the score. */
export default function Total() {
  const { span: asked } = useSearch({ strict: false }) as { span?: string };
  const span: Span = asked !== undefined && asked in SPANS ? (asked as Span) : '1h';
  const navigate = useNavigate();
  const zone = useZone();
  const { data: found, error, isPending, refetch } = useQuery({
    queryKey: ['total', span],
    queryFn: () => readHistory(span),
    refetchInterval: EVERY_MS,
    staleTime: EVERY_MS,
  });
  const steps = found?.steps.filter((one) => one.count > 0) ?? [];
  const [pointed, point] = useState<Step | null>(null);
  const shown = pointed ?? steps.at(-1) ?? null;
  return (
    <>
      <div className={css.head}>
        <h1>TOTAL</h1>
        <SegmentedControl
          size="xs"
          aria-label="Span"
          value={span}
          onChange={(value) => void navigate({ to: '/total', search: { span: value } as never, replace: true })}
          data={Object.entries(SPANS).map(([value, { title }]) => ({ value, label: title }))}
          transitionDuration={0}
          withItemsBorders={false}
        />
      </div>
      <TotalStrip />
      {error !== null && (
        <Failure
          title="The history of the TOTAL could not be read."
          error={error}
          still="The line above goes on."
          onRetry={() => void refetch()}
        />
      )}
      <Panel
        title="History"
        meta={`set ${SET}, a step each ${stepText(SPANS[span].step)}`}
        isFlush
        sql={{ statement: () => historySql(span, found?.to ?? now()), gives: `${found?.steps.length ?? 0} rows` }}
      >
        {shown && (
          <div className={css.facts} data-testid="facts">
            <dl>
            <div>
              <dt>At</dt>
              <dd>{format.time(shown.moment, zone, now())}</dd>
            </div>
            <div>
              <dt>Average</dt>
              <dd className="fig">{format.plainNumber(shown.avg_weighted, 3)}</dd>
            </div>
            <div>
              <dt>Signal weights</dt>
              <dd className="fig">{format.asSet(shown.signal_weight_sum)}</dd>
            </div>
            <div>
              <dt>Score</dt>
              <dd className="fig">{format.plainNumber(shown.score, 3)}</dd>
            </div>
            <div>
              <dt>Count</dt>
              <dd className="fig">{shown.count}</dd>
            </div>
            </dl>
            <SignalChip signal={shown.composite_signal} />
          </div>
        )}
        {isPending ? (
          <div className={css.canvas}>
            <Loading rows={8} height={24} />
          </div>
        ) : steps.length < 2 ? (
          <Empty title="No signal was given in this span.">
            The TOTAL is computed from quotes: it begins with the first of them.
          </Empty>
        ) : (
          <Lines steps={steps} zone={zone} onPointer={point} />
        )}
      </Panel>
    </>
  );
}

interface History {
  readonly to: number;
  readonly steps: Step[];
}

/** Read a span that ends at the last whole step: the same moments are asked for again. */
async function readHistory(span: Span): Promise<History> {
  const { step } = SPANS[span];
  const to = Math.floor(now() / (step * 1000)) * step * 1000;
  const query = { from: iso(to - SPANS[span].ms), to: iso(to), step_s: step, set: SET };
  return { to, steps: await data(api.GET('/api/total/history', { params: { query } })) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function stepText(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${seconds / 60} min`;
}

function historySql(span: Span, to: number): string {
  const { ms, step } = SPANS[span];
  return `select moment, count, avg_weighted, signal_weight_sum, composite_signal, score
from studies.total_between(
    ${moment(to - ms)}, ${moment(to)},
    interval '${step} seconds', ${literal(SET)}
);`;
}

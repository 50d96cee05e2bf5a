import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';

import { Time } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { storySql } from '@/components/trading/sql';
import { Scroll } from '@/components/trading/tables';
import css from '@/components/trading/trading.module.css';
import { useZone } from '@/hooks/useZone';
import { ApiError } from '@/services/api';
import { storyQuery } from '@/services/trading';

/** An order's whole story: on what it rested, what was decided, and what became of it. */
export default function Story() {
  const { order } = useParams({ strict: false }) as { order: string };
  const zone = useZone();
  const { data: steps, error, isPending, refetch } = useQuery(storyQuery(order));
  if (isPending) return <Loading rows={8} height={24} />;
  if (error instanceof ApiError && error.status === 404) {
    return (
      <Empty title={`There is no order ${order}.`}>
        The orders of today are on <Link to="/activity" className="link">the page of activity</Link>.
      </Empty>
    );
  }
  return (
    <>
      <h1>Story of an order</h1>
      {error !== null && <Failure title="The story could not be read." error={error} onRetry={() => void refetch()} />}
      <Panel title="Story" meta={order} isFlush sql={{ statement: () => storySql(order), gives: `${steps?.length ?? 0} rows` }}>
        <Scroll label="Story">
          <table className={css.table} data-testid="story">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Step</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody>
              {steps?.map((step, index) => (
                <tr key={index} data-kind={step.kind}>
                  <td className="dim"><Time at={step.at} zone={zone} /></td>
                  <th scope="row">{step.kind}</th>
                  <td className={css.wrap}>{step.what}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </Panel>
    </>
  );
}

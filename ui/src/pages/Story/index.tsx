import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';

import { Time } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Empty, Failure, Loading } from '@/components/states/states';
import { storySql } from '@/components/trading/sql';
import { Scroll } from '@/components/trading/tables';
import css from '@/components/trading/trading.module.css';
import { useMay } from '@/hooks/useMay';
import { useZone } from '@/hooks/useZone';
import { ApiError } from '@/services/api';
import { addNote, refreshTrading, storyQuery } from '@/services/trading';

import page from './Story.module.css';

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
      <Journal order={order} />
    </>
  );
}

/** A note of the journal on this order; it stands at the end of the story. */
function Journal({ order }: { order: string }) {
  const mayWrite = useMay('TRADER');
  const [text, setText] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [isSending, setSending] = useState(false);
  if (!mayWrite) return null;
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    try {
      await addNote(order, text);
      setText('');
      await refreshTrading();
    } catch (failed) {
      setError(failed);
    }
    setSending(false);
  };
  return (
    <form className={page.journal} aria-label="Journal" onSubmit={(event) => void save(event)}>
      <label htmlFor="note">Note in the journal</label>
      <textarea id="note" rows={3} value={text} placeholder="What you saw, and what you would do again" onChange={(event) => setText(event.currentTarget.value)} />
      <Button type="submit" disabled={isSending || !text.trim()}>Write the note</Button>
      {error !== null && <Failure title="The note was not written." error={error} />}
    </form>
  );
}

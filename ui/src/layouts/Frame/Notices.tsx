import { Button } from '@mantine/core';
import { useState } from 'react';

import { Note } from '@/components/states/states';
import { useCell } from '@/hooks/useCell';
import { useTicking } from '@/hooks/useQuote';
import { useZone } from '@/hooks/useZone';
import { serverClock, SKEW_MAX_MS } from '@/services/clock';
import { connection } from '@/services/connection';
import * as format from '@/services/format';
import { stream } from '@/services/stream';

/** What concerns the whole page: a lost connection, a hole, a clock that is off. */
export function Notices() {
  return (
    <>
      <Lost />
      <Fault />
      <Gap />
      <Skew />
    </>
  );
}

function Lost() {
  const { state, since, attempt, nextTryAt } = useCell(connection);
  const zone = useZone();
  const wait = useTicking(() =>
    nextTryAt === null ? '' : `${Math.max(0, Math.ceil((nextTryAt - serverClock.real()) / 1000))} s`,
  );
  if (state !== 'lost') return null;
  return (
    <Note
      kind="error"
      title={`No connection to Thor since ${format.time(since, zone)}.`}
      actions={
        <Button size="compact-sm" onClick={stream.retry}>
          Try now
        </Button>
      }
    >
      The figures below are the last ones received and are not live. Trying again in {wait}, attempt{' '}
      {attempt}.
    </Note>
  );
}

function Fault() {
  const fault = useCell(connection, (now) => (now.state === 'open' ? now.fault : null));
  if (fault === null) return null;
  return (
    <Note kind="error" title="Thor receives no quotes now.">
      {fault} What is stored can still be read.
    </Note>
  );
}

function Gap() {
  const { gap } = useCell(connection);
  const zone = useZone();
  const [seen, setSeen] = useState<object | null>(null);
  if (gap === null || gap === seen) return null;
  return (
    <Note
      kind="warning"
      title={`Ticks from ${format.time(gap.from, zone)} to ${format.time(gap.to, zone)} did not reach this page.`}
      actions={
        <Button size="compact-sm" onClick={() => setSeen(gap)}>
          Close
        </Button>
      }
    >
      The database has them, and the figures are read again.
    </Note>
  );
}

function Skew() {
  const minutes = useTicking(() => {
    const skew = serverClock.skew();
    return Math.abs(skew) < SKEW_MAX_MS ? '' : String(Math.round(skew / 60_000));
  });
  if (minutes === '') return null;
  const off = Number(minutes);
  const amount = `${Math.abs(off)} ${Math.abs(off) === 1 ? 'minute' : 'minutes'}`;
  return (
    <Note kind="warning" title={`Your clock is ${amount} ${off > 0 ? 'ahead of' : 'behind'} Thor’s.`}>
      Ages are counted by Thor’s clock.
    </Note>
  );
}

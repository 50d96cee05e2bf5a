import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';

import { Time } from '@/components/figures/figures';
import { Sql } from '@/components/panel/Sql';
import { Failure } from '@/components/states/states';
import { useZone } from '@/hooks/useZone';
import { latchKill, refreshTrading, resetKill } from '@/services/trading';
import type { AccountRow, KillRow, PositionRow } from '@/types/domain';

import css from './Kill.module.css';
import { killSql } from './sql';

interface Props {
  kill: KillRow | undefined;
  account: AccountRow | undefined;
  positions: readonly PositionRow[];
  mayTrade: boolean;
  mayReset: boolean;
}

/** Stop all trading: held for a second, then shown until it is flat and reset. */
export function Kill({ kill, account, positions, mayTrade, mayReset }: Props) {
  const zone = useZone();
  const [failed, fail] = useState<{ title: string; error: unknown } | null>(null);
  const [isSending, setSending] = useState(false);
  const act = async (title: string, request: () => Promise<unknown>) => {
    fail(null);
    setSending(true);
    try {
      await request();
    } catch (error) {
      fail({ title, error });
    }
    await refreshTrading();
    setSending(false);
  };
  const held = positions.filter(({ quantity }) => quantity !== 0).map(({ series }) => series);
  const open = account?.open_orders ?? 0;
  const orders = `${open} ${open === 1 ? 'order' : 'orders'}`;
  return (
    <section id="kill" className={css.kill} data-testid="kill" data-latched={kill?.is_latched ?? 'unknown'} data-flat={kill?.is_flat ?? 'unknown'} aria-label="Kill switch" data-panel>
      <div className={css.head}>
        <h2>
          Kill switch: {!kill ? 'not known' : !kill.is_latched ? 'ready' : kill.is_flat ? 'latched, flat' : 'latched, not flat yet'}
        </h2>
        <span className="spacer" />
        <Sql statement={killSql} gives="1 row" />
      </div>
      {kill?.is_latched ? (
        <>
          <p>
            Latched <Time at={kill.since} zone={zone} /> by {kill.who}: {kill.reason}.{' '}
            {kill.is_flat
              ? 'Verified flat: nothing is held and no order is open.'
              : `Flattening${held.length ? ` ${held.join(', ')}` : ''}; ${orders} open.`}{' '}
            Only orders that flatten pass until an ADMIN resets it.
          </p>
          <Button
            disabled={!mayReset || isSending}
            onClick={() => void act('The kill switch was not reset.', () => resetKill('reset on the page'))}
          >
            Reset the kill switch
          </Button>
          {!mayReset && <p className="small">An ADMIN resets it.</p>}
        </>
      ) : (
        <>
          <p>
            Cancels {orders}, flattens {held.length ? held.join(', ') : 'nothing, since nothing is held'}, then passes only
            flattening orders until an ADMIN resets it.
          </p>
          <Hold
            isOff={!mayTrade || isSending || !kill}
            onHeld={() => void act('The kill switch did not latch.', () => latchKill('held on the page'))}
          />
          <p className="small">Works with the pages away too: <code>thor kill on</code>.</p>
        </>
      )}
      {failed && (
        <Failure title={failed.title} error={failed.error} still="`thor kill on` and `select trade.kill('you', 'why')` work without the API." />
      )}
    </section>
  );
}

export const HOLD_MS = 1_000;

/** A button that acts once it was held for a second, by pointer or by Space: the confirmation. */
function Hold({ isOff, onHeld }: { isOff: boolean; onHeld: () => void }) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [isHeld, hold] = useState(false);
  const begin = () => {
    if (isOff || timer.current !== undefined) return;
    hold(true);
    timer.current = setTimeout(() => {
      end();
      onHeld();
    }, HOLD_MS);
  };
  const end = () => {
    clearTimeout(timer.current);
    timer.current = undefined;
    hold(false);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <button
      type="button"
      className={css.hold}
      data-held={isHeld}
      disabled={isOff}
      onPointerDown={(event) => event.button === 0 && begin()}
      onPointerUp={end}
      onPointerLeave={end}
      onPointerCancel={end}
      onBlur={end}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (event.key !== ' ') return;
        event.preventDefault();
        if (!event.repeat) begin();
      }}
      onKeyUp={end}
    >
      <span>{isHeld ? 'Keep holding' : 'Hold 1 s to stop all trading'}</span>
    </button>
  );
}

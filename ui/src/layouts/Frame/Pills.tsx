import { useQuery } from '@tanstack/react-query';

import { Age } from '@/components/figures/figures';
import { useCell } from '@/hooks/useCell';
import { useTicking } from '@/hooks/useQuote';
import { useZone } from '@/hooks/useZone';
import { api, data } from '@/services/api';
import { lastQuoteAt, lastTradeDay } from '@/services/quotes';
import { connection } from '@/services/connection';
import * as format from '@/services/format';
import type { Nature } from '@/types/domain';

import css from './Frame.module.css';

const NATURES: Record<Nature, { word: string; style: string | undefined; title: string }> = {
  simulated: { word: 'SIMULATED', style: css.simulated, title: 'Made by Thor, no market' },
  recorded: { word: 'RECORDED', style: css.recorded, title: 'Replayed from a file' },
  live: { word: 'LIVE', style: css.LIVE, title: 'The real market' },
};

/** What the figures are of: a simulated, a recorded or the live market. */
export function NaturePill() {
  const nature = useCell(connection, (now) => now.nature);
  if (!nature) return null;
  const { word, style, title } = NATURES[nature];
  return (
    <span className={`${css.nature} ${style}`} title={title} data-testid="nature">
      {word}
      {nature === 'recorded' && <Recorded />}
    </span>
  );
}

const TAPE_MS = 5_000;

/** The day that is replayed, and how fast. */
function Recorded() {
  const day = useCell(lastTradeDay);
  const { data: tape } = useQuery({
    queryKey: ['tape'],
    queryFn: async () => (await data(api.GET('/health'))).tape,
    refetchInterval: TAPE_MS,
    staleTime: TAPE_MS,
  });
  const speed = tape && (tape.is_over ? 'played' : tape.speed === 'max' ? 'at full speed' : tape.speed);
  const facts = [day && format.fullDate(day), speed].filter(Boolean).join(' · ');
  return facts ? (
    <span className={css.facts} title={tape?.file}>
      {facts}
    </span>
  ) : null;
}

/** Whether the stream is connected, and how old the newest tick is. */
export function ConnectionPill() {
  const { state, since } = useCell(connection);
  const zone = useZone();
  if (state === 'lost') {
    return (
      <span className={`${css.connection} ${css.lost}`} role="status">
        <span className={css.dot} />
        <span className="wide">Connection lost {format.time(since, zone)} · last tick </span>
        <span className="narrow">lost </span>
        <LastTick />
      </span>
    );
  }
  return (
    <span className={`${css.connection} ${state === 'open' ? '' : css.waiting}`} role="status">
      <span className={css.dot} />
      {state === 'open' ? (
        <>
          <span className="wide">Connected · last tick</span>
          <span className="muted">
            <LastTick />
          </span>
        </>
      ) : (
        <span>{state === 'paused' ? 'Paused' : 'Connecting'}</span>
      )}
    </span>
  );
}

function LastTick() {
  return (
    <span className={css.lastTick}>
      <Age at={useCell(lastQuoteAt)} />
    </span>
  );
}

/** The time in the zone that the pages show, by Thor's clock. */
export function Clock() {
  const zone = useZone();
  const text = useTicking((now) => `${format.time(now, zone)} ${format.city(zone)}`);
  return <span className={`${css.clock} wide muted`}>{text}</span>;
}

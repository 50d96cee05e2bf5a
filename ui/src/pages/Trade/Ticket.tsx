import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';

import { LiveAge, LivePrice, LiveState } from '@/components/figures/live';
import { Size } from '@/components/figures/figures';
import { Panel } from '@/components/panel/Panel';
import { Note } from '@/components/states/states';
import { Facts, Stepper } from '@/components/trading/parts';
import { useCell } from '@/hooks/useCell';
import { useInstruments } from '@/hooks/useInstruments';
import { useFields } from '@/hooks/useQuote';
import { useShortcuts } from '@/hooks/useShortcuts';
import { connection } from '@/services/connection';
import { decimal, times, written } from '@/services/decimal';
import * as format from '@/services/format';
import { readPrice, stepped } from '@/services/prices';
import { notationOf, quotes } from '@/services/quotes';
import { literal } from '@/services/sql';
import { previewOrder } from '@/services/trading';
import type { AccountRow, KillRow, OrderBody, OrderType, Side, VerdictRow } from '@/types/domain';

import { Preview } from './Preview';
import {
  ATTACHED_WORDS,
  faultsOf,
  fieldsOf,
  firstPrice,
  hasOther,
  labelOf,
  orderOf,
  readQuantity,
  TYPE_WORDS,
  TYPES,
  wordsOf,
  wouldPass,
  type Attached,
  type Field,
  type Market,
  type Ticket as Content,
} from './ticket';
import css from './Trade.module.css';
import { useSend } from './useSend';

const FIELDS_OF_QUOTE = ['bid', 'ask', 'bid_size', 'ask_size', 'state', 'contract', 'spread_ticks', 'last', 'source'] as const;
const EMPTY = { limit_price: '', stop_price: '', trail_by: '', take_profit: '', stop_loss: '', oco_price: '' };
const PREVIEW_MS = 2_000;
/** A field is typed in before it is asked about. */
const TYPING_MS = 250;

interface Props {
  symbol: string;
  side: Side;
  onSymbol: (symbol: string) => void;
  onSide: (side: Side) => void;
  account: AccountRow | undefined;
  accountId: string;
  mayTrade: boolean;
  kill: KillRow | undefined;
  /** What the risk rules decide on the ticket as it stands. */
  onVerdict: (verdict: VerdictRow | null) => void;
}

/** Place an order: what the trader would get, what it costs, and whether it would pass. */
export function Ticket({ symbol, side, onSymbol, onSide, account, accountId, mayTrade, kill, onVerdict }: Props) {
  const { instruments } = useInstruments();
  const instrument = quotes.instrument(symbol);
  const quote = useFields(symbol, FIELDS_OF_QUOTE);
  const isOpen = useCell(connection, (now) => now.state === 'open');
  const nature = useCell(connection, (now) => now.nature);
  const [type, setType] = useState<OrderType>('MARKET');
  const [quantity, setQuantity] = useState('1');
  const [prices, setPrices] = useState<Record<Field, string>>(EMPTY);
  const [attached, attach] = useState<Attached>('NONE');
  const [timeInForce, setTimeInForce] = useState<'DAY' | 'GTC'>('DAY');
  const { send, sent, isSending, clear } = useSend();
  const market: Market = {
    tickSize: instrument?.tick_size ?? '0.01',
    notation: notationOf(instrument),
    bid: quote?.bid ?? null,
    ask: quote?.ask ?? null,
  };
  const content: Content = { symbol, side, type, quantity, prices, timeInForce, attached };
  const faults = faultsOf(content, market);
  // Neither asked about nor sent: the API refuses both, and each refusal is a row of the audit.
  const body = mayTrade ? orderOf(content, accountId, market) : null;
  const isUnknown = sent.kind === 'unknown';
  const preview = usePreview(body, isOpen);
  const verdict = body === null ? null : (preview.data ?? null);
  useEffect(() => onVerdict(verdict), [onVerdict, verdict]);

  // The prices that were typed are of another symbol or side.
  const begin = (of: OrderType, on: Side, with_: Attached, kept: Partial<Record<Field, string>> = {}) => {
    const found = { ...EMPTY };
    for (const field of fieldsOf({ type: of, attached: with_ })) {
      const first = firstPrice(field, on, market, of);
      found[field] = kept[field] || (first && format.price(first, market.notation));
    }
    setPrices(found);
  };
  const chooseAttached = (next: Attached) => {
    attach(next);
    begin(type, side, next, prices);
  };
  const chooseType = (next: OrderType) => {
    const left = attached === 'OCO' && !hasOther(next) ? 'NONE' : attached;
    setType(next);
    attach(left);
    begin(next, side, left);
  };
  const chooseSide = (next: Side) => {
    if (next !== side) begin(type, next, attached);
    onSide(next);
  };
  useShortcuts(
    mayTrade
      ? [
          { keys: ['b'], label: 'Ticket: buy', run: () => chooseSide('BUY') },
          { keys: ['s'], label: 'Ticket: sell', run: () => chooseSide('SELL') },
        ]
      : [],
  );

  const why = whyOff({ mayTrade, isOpen, kill, account, state: quote?.state ?? null, symbol });
  const isOff = why !== null || body === null || isSending || isUnknown;
  const submit = () => {
    if (body && !isOff) void send(body);
  };
  const form = useRef<HTMLFormElement>(null);
  useCtrlEnter(submit);

  const own = side === 'BUY' ? market.ask : market.bid;
  const limit = prices.limit_price || prices.stop_price;
  const price = type === 'MARKET' || type === 'TRAILING_STOP' ? own : readPrice(limit, market.notation);
  const notional = notionalOf(price, instrument?.multiplier, readQuantity(quantity));
  return (
    <Panel title="Ticket" meta={instrument?.name} sql={{ statement: () => quoteSql(symbol), gives: '1 row' }}>
      <form
        ref={form}
        className={css.ticket}
        aria-label="Ticket"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <div className={css.symbol}>
          <select
            className={css.select}
            aria-label="Symbol"
            value={symbol}
            disabled={isUnknown}
            onChange={(event) => {
              setPrices(EMPTY);
              setType('MARKET');
              attach('NONE');
              onSymbol(event.currentTarget.value);
            }}
          >
            {instruments.map((one) => (
              <option key={one.symbol} value={one.symbol}>
                {one.symbol}
                {one.symbol === symbol && quote?.contract ? ` → ${quote.contract}` : ''} · {one.name}
              </option>
            ))}
          </select>
        </div>
        <div className={css.sides} data-state={quote?.state ?? undefined}>
          <button
            type="button"
            className={css.sell}
            aria-pressed={side === 'SELL'}
            disabled={isUnknown}
            onClick={() => chooseSide('SELL')}
          >
            <span className="tiny">▼ Sell at bid</span>
            <b><LivePrice symbol={symbol} field="bid" /></b>
            <span className="tiny"><Size value={quote?.bid_size ?? null} /></span>
          </button>
          <span className="tiny muted nowrap">
            {quote?.spread_ticks ? `${format.asSet(quote.spread_ticks)} ${quote.spread_ticks === '1' ? 'tick' : 'ticks'}` : '–'}
          </span>
          <button
            type="button"
            className={css.buy}
            aria-pressed={side === 'BUY'}
            disabled={isUnknown}
            onClick={() => chooseSide('BUY')}
          >
            <span className="tiny">▲ Buy at ask</span>
            <b><LivePrice symbol={symbol} field="ask" /></b>
            <span className="tiny"><Size value={quote?.ask_size ?? null} /></span>
          </button>
        </div>
        <div className={css.quote} data-testid="ticket-quote" data-quote={quote?.state ?? 'NONE'}>
          last <LivePrice symbol={symbol} field="last" isFlashing /> · quote <LiveAge symbol={symbol} /> · {quote?.source ?? '–'} ·{' '}
          <LiveState symbol={symbol} />
        </div>
        {quote?.state && quote.state !== 'FRESH' && (
          <Note kind="warning" title={`${symbol} was last heard a while ago.`}>
            Orders on a stale quote are refused until it is fresh again.
          </Note>
        )}
        <div className={css.types} role="group" aria-label="Type">
          {TYPES.map((one) => (
            <button key={one} type="button" aria-pressed={type === one} disabled={isUnknown} onClick={() => chooseType(one)}>
              {TYPE_WORDS[one]}
            </button>
          ))}
        </div>
        <div className={css.fields}>
          <Stepper
            label="Quantity"
            value={quantity}
            onChange={setQuantity}
            step={(by) => String(Math.max(1, (readQuantity(quantity) ?? 0) + by))}
            fault={faults.quantity}
            isDisabled={isUnknown}
            inputMode="numeric"
          />
          {fieldsOf(content).map((field) => (
            <Stepper
              key={field}
              label={labelOf(field, type)}
              value={prices[field]}
              onChange={(value) => setPrices({ ...prices, [field]: value })}
              step={(by) => {
                const from = readPrice(prices[field], market.notation) ?? firstPrice(field, side, market, type);
                return from && format.price(stepped(from, market.tickSize, by), market.notation);
              }}
              fault={faults[field]}
              isDisabled={isUnknown}
              inputMode={market.notation.kind === '32nds' ? 'text' : 'decimal'}
            />
          ))}
          <div className={css.tif} role="group" aria-label="Attached">
            <span>With exits, or as a pair</span>
            <div className={css.types}>
              {(['NONE', 'BRACKET', 'OCO'] as const).map((one) => (
                <button
                  key={one}
                  type="button"
                  aria-pressed={attached === one}
                  disabled={isUnknown || (one === 'OCO' && !hasOther(type))}
                  title={one === 'OCO' && !hasOther(type) ? 'A pair is of a limit and a stop' : undefined}
                  onClick={() => chooseAttached(one)}
                >
                  {ATTACHED_WORDS[one]}
                </button>
              ))}
            </div>
          </div>
          <div className={css.tif} role="group" aria-label="Time in force">
            <span>Time in force</span>
            <div className={css.types}>
              {(['DAY', 'GTC'] as const).map((one) => (
                <button key={one} type="button" aria-pressed={timeInForce === one} disabled={isUnknown} onClick={() => setTimeInForce(one)}>
                  {one === 'DAY' ? 'Day' : 'GTC'}
                </button>
              ))}
            </div>
          </div>
        </div>
        <Facts
          rows={[
            ['Notional', <span key="n" className="fig">{format.money(notional)}</span>],
            ['Margin to open', <span key="m" className="fig">{format.money(verdict?.margin)}</span>],
            ['Commission, in and out', <span key="c" className="fig">{format.money(notionalOf(verdict?.commission ?? null, '2', 1))}</span>],
            ['A tick is worth', <span key="t" className="fig">{format.money(notionalOf(market.tickSize, instrument?.multiplier, readQuantity(quantity)))}</span>],
          ]}
        />
        <Preview of={preview} quantity={readQuantity(quantity) ?? 0} />
        <button type="submit" className={css.send} data-side={side} disabled={isOff} data-testid="send">
          <span aria-hidden="true">{side === 'BUY' ? '▲' : '▼'}</span> {isSending ? 'Sending' : wordsOf(content, market)}
        </button>
        <p className={css.under}>
          <kbd className="wide">Ctrl Enter</kbd>{' '}
          {why ?? `${accountId} · ${nature === 'live' ? 'live feed, filled on paper' : `${nature ?? 'no'} feed`}${account?.kind === 'PAPER' ? ' · no money moves' : ''}`}
        </p>
        <div aria-live="polite">
          {sent.kind === 'placed' && (
            <Note
              title={`Sent: ${sent.order.side === 'BUY' ? 'buy' : 'sell'} ${format.size(sent.order.quantity)} ${sent.order.contract ?? sent.order.symbol}.`}
              actions={<Close onClick={clear} />}
            >
              <Link to="/story/$order" params={{ order: sent.order.order_id }} className="link">Its story</Link>
            </Note>
          )}
          {sent.kind === 'refused' && (
            <Note kind="error" title="Refused. No order was sent." actions={<Close onClick={clear} />}>
              {sentence(sent.why)} {preview.data && wouldPass(preview.data.checks, sent.body.quantity)}{' '}
              {sent.order && <Link to="/story/$order" params={{ order: sent.order.order_id }} className="link">Its story</Link>}
            </Note>
          )}
          {sent.kind === 'unknown' && (
            <Note
              kind="warning"
              title="Thor did not answer: the order may have been placed."
              actions={
                <>
                  <Button size="compact-sm" disabled={isSending || !isOpen} onClick={() => void send(sent.body)}>
                    Send it again
                  </Button>
                  <Button size="compact-sm" onClick={clear}>New ticket</Button>
                </>
              }
            >
              Sent again it is the same order, which Thor places once. Or look for it under working orders and fills.
            </Note>
          )}
        </div>
      </form>
    </Panel>
  );
}

function Close({ onClick }: { onClick: () => void }) {
  return <Button size="compact-sm" onClick={onClick}>Close</Button>;
}

interface Conditions {
  mayTrade: boolean;
  isOpen: boolean;
  kill: KillRow | undefined;
  account: AccountRow | undefined;
  state: string | null;
  symbol: string;
}

const sentence = (text: string) => (/[.?!]$/.test(text) ? text : `${text}.`);

/** Why no order can be sent at all now; null where one can. */
function whyOff({ mayTrade, isOpen, kill, account, state, symbol }: Conditions): string | null {
  if (!mayTrade) return 'A VIEWER looks: ask an ADMIN for the role TRADER.';
  if (!isOpen) return 'No connection to Thor: nothing can be sent.';
  if (!account) return 'No account was read yet.';
  if (kill?.is_latched) return 'The kill switch is latched: only orders that flatten pass.';
  if (state === null) return `${symbol} has no quote.`;
  if (state === 'DEAD') return `${symbol}'s quote is dead: nothing can be sent on it.`;
  return null;
}

/** Ask what the risk rules decide on an order, again every two seconds and after typing. */
function usePreview(body: OrderBody | null, isOpen: boolean) {
  const [asked, ask] = useState(body);
  const key = JSON.stringify(body);
  useEffect(() => {
    const timer = setTimeout(() => ask(JSON.parse(key) as OrderBody | null), TYPING_MS);
    return () => clearTimeout(timer);
  }, [key]);
  return useQuery({
    queryKey: ['trading', 'preview', asked],
    queryFn: () => previewOrder(asked!),
    enabled: asked !== null && isOpen,
    refetchInterval: PREVIEW_MS,
    staleTime: PREVIEW_MS,
    retry: false,
  });
}

/** Send with Ctrl and Enter from anywhere on the page. */
function useCtrlEnter(run: () => void): void {
  const newest = useRef(run);
  useEffect(() => {
    newest.current = run;
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.repeat) return;
      if (document.querySelector('[aria-modal="true"]')) return;
      event.preventDefault();
      newest.current();
    };
    window.addEventListener('keydown', listener);
    return () => window.removeEventListener('keydown', listener);
  }, []);
}

function notionalOf(price: string | null, multiplier: string | undefined, quantity: number | null): string | null {
  const [a, b] = [decimal(price), decimal(multiplier)];
  return a && b && quantity !== null ? written(times(times(a, b), decimal(quantity)!)) : null;
}

const quoteSql = (symbol: string) => `select symbol, contract, bid, bid_size, ask, ask_size, last, spread_ticks,
       heard_age_ms, state
from market.quote_metrics(market.moment(now()))
where symbol = ${literal(symbol)};`;

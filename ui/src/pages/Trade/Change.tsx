import { Button } from '@mantine/core';
import { useState, type FormEvent } from 'react';

import { Failure } from '@/components/states/states';
import { Stepper } from '@/components/trading/parts';
import { notationFor } from '@/components/trading/tables';
import css from '@/components/trading/trading.module.css';
import * as format from '@/services/format';
import { readPrice, stepped } from '@/services/prices';
import { quotes } from '@/services/quotes';
import { modifyOrder, refreshTrading } from '@/services/trading';
import type { OrderRow } from '@/types/domain';

import { FIELD_WORDS, FIELDS, gridFault, readQuantity, type PriceField } from './ticket';

/** Change the contracts and the prices of an order that works. */
export function Change({ order, onClose }: { order: OrderRow; onClose: () => void }) {
  const notation = notationFor(order.symbol);
  const tick = quotes.instrument(order.symbol)?.tick_size ?? '0.01';
  const fields = FIELDS[order.type];
  const [quantity, setQuantity] = useState(String(order.quantity));
  const [prices, setPrices] = useState<Partial<Record<PriceField, string>>>(() =>
    Object.fromEntries(fields.map((field) => [field, format.price(order[field], notation)])),
  );
  const [error, setError] = useState<unknown>(null);
  const [isSending, setSending] = useState(false);
  const contracts = readQuantity(quantity);
  const read = Object.fromEntries(fields.map((field) => [field, readPrice(prices[field] ?? '', notation)]));
  const faultOf = (field: PriceField) => gridFault(read[field] ?? null, tick, notation);
  const isWrong = contracts === null || fields.some((field) => faultOf(field) !== null);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    try {
      await modifyOrder(order.order_id, { quantity: contracts!, ...read });
      await refreshTrading();
      onClose();
    } catch (found) {
      setError(found);
      setSending(false);
    }
  };
  return (
    <form className={css.editor} aria-label={`Change ${order.series}`} onSubmit={(event) => void save(event)}>
      <Stepper
        label="Quantity"
        value={quantity}
        onChange={setQuantity}
        inputMode="numeric"
        step={(by) => String(Math.max(1, (readQuantity(quantity) ?? 0) + by))}
        fault={contracts === null ? 'A whole number of contracts.' : undefined}
      />
      {fields.map((field) => (
        <Stepper
          key={field}
          label={FIELD_WORDS[field]}
          value={prices[field] ?? ''}
          onChange={(value) => setPrices({ ...prices, [field]: value })}
          step={(by) => (read[field] ? format.price(stepped(read[field]!, tick, by), notation) : (prices[field] ?? ''))}
          fault={faultOf(field) ?? undefined}
        />
      ))}
      <Button type="submit" disabled={isWrong || isSending}>Change the order</Button>
      <Button onClick={onClose}>Close</Button>
      {error !== null && <Failure title="The order was not changed." error={error} still="It works as before." />}
    </form>
  );
}

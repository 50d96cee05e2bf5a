import { useRef, useState } from 'react';

import type { ApiError } from '@/services/api';
import { isUnknown, newOrderId, placeOrder, refreshTrading } from '@/services/trading';
import type { OrderBody, OrderRow } from '@/types/domain';

export type Sent =
  | { readonly kind: 'none' }
  | { readonly kind: 'placed'; readonly order: OrderRow }
  /** By a rule of risk, with its row, or as malformed, without one. */
  | { readonly kind: 'refused'; readonly why: string; readonly order: OrderRow | null; readonly body: OrderBody }
  /** No answer: it may have been placed. Only the same order may be sent again. */
  | { readonly kind: 'unknown'; readonly error: unknown; readonly body: OrderBody };

const NOTHING: Sent = { kind: 'none' };

/**
 * Send orders, each once: the client order id is made with the ticket and kept until Thor has
 * answered, so that a second click or a retry is the same order to Thor, never a second one.
 */
export function useSend() {
  const id = useRef(newOrderId());
  const isBusy = useRef(false);
  const [isSending, setSending] = useState(false);
  const [sent, setSent] = useState<Sent>(NOTHING);
  const send = async (body: OrderBody) => {
    // A double click comes before React has rendered the button off.
    if (isBusy.current) return;
    isBusy.current = true;
    setSending(true);
    try {
      const order = await placeOrder(body, id.current);
      id.current = newOrderId();
      if (order.status === 'REFUSED') setSent({ kind: 'refused', why: order.reason ?? 'A rule of risk refused it', order, body });
      else setSent({ kind: 'placed', order });
    } catch (error) {
      if (isUnknown(error)) setSent({ kind: 'unknown', error, body });
      else {
        id.current = newOrderId();
        setSent({ kind: 'refused', why: (error as ApiError).message, order: null, body });
      }
    }
    isBusy.current = false;
    setSending(false);
    void refreshTrading();
  };
  /** Forget what was sent. An order of unknown outcome may still have been placed. */
  const clear = () => {
    id.current = newOrderId();
    setSent(NOTHING);
  };
  return { send, sent, isSending, clear };
}

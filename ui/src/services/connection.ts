/** What the page knows of its connection to Thor, for the pill, the bar and every figure. */

import type { Nature } from '@/types/domain';

import { Cell } from './emitter';

export interface Connection {
  /** `connecting` until the first event; `paused` while the tab has been hidden for long. */
  readonly state: 'connecting' | 'open' | 'lost' | 'paused';
  /** When it was lost, by Thor's clock; null while it is not. */
  readonly since: number | null;
  readonly attempt: number;
  /** When the next attempt is due, by Thor's clock. */
  readonly nextTryAt: number | null;
  readonly nature: Nature | null;
  /** How often it was opened: whatever was fetched before may lack something. */
  readonly epoch: number;
  /** The newest stretch of events that did not arrive, by Thor's clock. */
  readonly gap: { readonly from: number; readonly to: number } | null;
  /** The fault that the server reports behind it, such as the bus being away. */
  readonly fault: string | null;
}

export const connection = new Cell<Connection>({
  state: 'connecting',
  since: null,
  attempt: 0,
  nextTryAt: null,
  nature: null,
  epoch: 0,
  gap: null,
  fault: null,
});

export function changeConnection(change: Partial<Connection>): void {
  connection.set({ ...connection.get(), ...change });
}

/** Mark the document, so that every figure turns grey by one rule of CSS. */
export function markDocument(root: HTMLElement): () => void {
  const mark = () => {
    const { state } = connection.get();
    root.dataset.connection = state;
  };
  mark();
  return connection.subscribe(mark);
}

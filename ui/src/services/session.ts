/**
 * Who acts in this tab, and how its requests prove it. The tokens are in cookies that no script
 * reads; what a change has to send back is `csrf` of the answer that says who acts.
 *
 * A request that comes back without a session renews it once and is sent again. Where that fails,
 * the session has ended: what reads waits for the login, and what changes something is refused,
 * so that nothing is sent minutes after its button was pressed.
 */

import type { components } from '@/types/api';

import { Cell } from './emitter';

export type Me = components['schemas']['Me'];
export type Role = (typeof ROLES)[number];

/** Each may do what those before it may. */
export const ROLES = ['VIEWER', 'TRADER', 'ADMIN', 'OWNER'] as const;

export interface Session {
  /**
   * `asking` until the API has answered once; `open`: `me` acts; `out`: nobody has logged in;
   * `ended`: the session of `me` is over, under pages that are still open; `unknown`: the API is
   * away, so nobody knows.
   */
  readonly state: 'asking' | 'open' | 'out' | 'ended' | 'unknown';
  readonly me: Me | null;
}

export const session = new Cell<Session>({ state: 'asking', me: null });

const TIMEOUT_MS = 15_000;
/** A role that is taken is noticed after this, or with the first refusal. */
const ASK_EVERY_MS = 30_000;
const CSRF = 'X-CSRF-Token';

/** Whether somebody may do what asks for a role. */
export function may(me: Me | null, role: Role): boolean {
  if (me === null) return false;
  return ROLES.indexOf(me.role as Role) >= ROLES.indexOf(role);
}

/** Send a request of the API, as the one who acts here. */
export async function send(request: Request): Promise<Response> {
  if (isOfLogin(request)) return attempt(request);
  if (isRead(request) && session.get().state === 'ended') await reopened();
  let answer = await attempt(request);
  if (answer.status === 401) {
    const renewal = await renewed();
    if (renewal.ok) answer = await attempt(request);
    else if (!isRefusal(renewal)) return renewal.clone();
  } else if (answer.status === 403) {
    // Another tab has logged in since, or the role is another one now.
    const isOld = await isOfOldSession(answer);
    const asked = ask();
    if (isOld) {
      await asked;
      answer = await attempt(request);
    }
  }
  if (answer.status !== 401) return answer;
  lose();
  if (!isRead(request) || session.get().state !== 'ended') return answer;
  await reopened();
  return send(request);
}

let asking: Promise<void> | null = null;

/** Ask who acts here. */
export function ask(): Promise<void> {
  asking ??= askNow().finally(() => {
    asking = null;
  });
  return asking;
}

async function askNow(): Promise<void> {
  try {
    const answer = await attempt(new Request(`${location.origin}/api/me`));
    if (answer.ok) {
      take((await answer.json()) as Me);
      return;
    }
    // A renewal says who acts, too.
    if (answer.status === 401) {
      const renewal = await renewed();
      if (renewal.ok) return;
      if (isRefusal(renewal)) {
        lose();
        return;
      }
    }
  } catch {
    // No answer at all.
  }
  if (session.get().state === 'asking') session.set({ state: 'unknown', me: null });
}

/** Take who has just logged in. */
export function entered(me: Me): void {
  take(me);
  tabs?.postMessage('changed');
}

/** Leave the pages, whose figures go with them, once the session is closed. */
export function left(): void {
  tabs?.postMessage('changed');
  location.assign('/');
}

let tabs: BroadcastChannel | null = null;

/** Ask who acts here, now and again, and when another tab logs in or out. */
export function watchSession(): void {
  if (typeof BroadcastChannel !== 'undefined') {
    tabs = new BroadcastChannel('thor.session');
    tabs.onmessage = () => void ask();
  }
  setInterval(() => {
    const { state, me } = session.get();
    const isWorth = state === 'unknown' || (state === 'open' && me?.is_required === true);
    if (isWorth && document.visibilityState === 'visible') void ask();
  }, ASK_EVERY_MS);
  void ask();
}

function take(me: Me): void {
  const before = session.get();
  if (before.me !== null && before.me.user_id !== null && before.me.user_id !== me.user_id) {
    // Nothing that was read or typed by one person is left to another.
    location.reload();
    return;
  }
  const isSame = before.state === 'open' && JSON.stringify(before.me) === JSON.stringify(me);
  if (!isSame) session.set({ state: 'open', me });
}

function lose(): void {
  const { state, me } = session.get();
  if (state === 'ended' || state === 'out') return;
  session.set(me === null ? { state: 'out', me } : { state: 'ended', me });
}

function reopened(): Promise<void> {
  return new Promise((resolve) => {
    const stop = session.subscribe(() => {
      if (session.get().state !== 'open') return;
      stop();
      resolve();
    });
  });
}

/** Fetch once; the function is looked up at each call, so that a test may replace it. */
function attempt(request: Request): Promise<Response> {
  const sent = request.clone();
  const csrf = session.get().me?.csrf;
  if (csrf && !isRead(request)) sent.headers.set(CSRF, csrf);
  return globalThis.fetch(sent, { signal: AbortSignal.timeout(TIMEOUT_MS) });
}

let renewing: Promise<Response> | null = null;

/** Renew the session, once for all requests of this tab and one tab after the other. */
function renewed(): Promise<Response> {
  renewing ??= inTurn(renew).finally(() => {
    renewing = null;
  });
  return renewing;
}

async function renew(): Promise<Response> {
  const answer = await attempt(new Request(`${location.origin}/api/auth/refresh`, { method: 'POST' }));
  if (answer.ok) take((await answer.clone().json()) as Me);
  return answer;
}

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  // Browsers have locks on this machine and by https only.
  const locks = typeof navigator === 'undefined' ? undefined : (navigator.locks as LockManager | undefined);
  return locks ? (locks.request('thor.session', work) as Promise<T>) : work();
}

function isRead(request: Request): boolean {
  return request.method === 'GET' || request.method === 'HEAD';
}

/** Whether a request is one of the login's own, whose 401 says something else. */
function isOfLogin(request: Request): boolean {
  const { pathname } = new URL(request.url);
  return pathname.startsWith('/api/auth') && pathname !== '/api/auth/password';
}

function isRefusal(answer: Response): boolean {
  return answer.status === 401 || answer.status === 403;
}

async function isOfOldSession(answer: Response): Promise<boolean> {
  try {
    const { detail } = (await answer.clone().json()) as { detail?: unknown };
    return typeof detail === 'string' && detail.startsWith(CSRF);
  } catch {
    return false;
  }
}

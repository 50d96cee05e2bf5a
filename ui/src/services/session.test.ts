import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { ask, entered, may, send, session, type Me } from './session';

const ME: Me = {
  user_id: 7,
  name: 'ann@example.com',
  email: 'ann@example.com',
  role: 'TRADER',
  display_name: '',
  time_zone: 'America/Chicago',
  has_totp: false,
  last_login_at: null,
  session_id: '00000000-0000-0000-0000-000000000007',
  settings: {},
  csrf: 'seven',
  is_required: true,
};

/** What the server was asked, and what it answers next, by path; without one it answers 200. */
let asked: { path: string; method: string; csrf: string | null; body: string }[] = [];
let answers: Record<string, (() => Response)[]> = {};

const json = (body: unknown, status = 200) => () => Response.json(body, { status });
const refused = (status: number, detail: string) => json({ title: 'x', detail, status }, status);
const url = (path: string) => `${location.origin}${path}`;
const change = () => new Request(url('/api/desk/desk/ES'), { method: 'PATCH', body: '{"buy":"2"}' });

beforeEach(() => {
  asked = [];
  answers = {};
  session.set({ state: 'open', me: ME });
  vi.stubGlobal('fetch', async (request: Request) => {
    const { pathname } = new URL(request.url);
    asked.push({
      path: pathname,
      method: request.method,
      csrf: request.headers.get('X-CSRF-Token'),
      body: await request.text(),
    });
    return (answers[pathname]?.shift() ?? json({}))();
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const paths = () => asked.map(({ method, path }) => `${method} ${path}`);

test('a change carries the token of its page, and a read does not', async () => {
  await send(new Request(url('/api/board')));
  await send(change());
  expect(asked.map(({ csrf }) => csrf)).toEqual([null, 'seven']);
});

test('requests that find the session old renew it once and are sent again, with their body', async () => {
  answers['/api/desk/desk/ES'] = [refused(401, 'Log in first')];
  answers['/api/board'] = [refused(401, 'Log in first')];
  answers['/api/auth/refresh'] = [json(ME)];
  const [changed, read] = await Promise.all([send(change()), send(new Request(url('/api/board')))]);
  expect([changed.status, read.status]).toEqual([200, 200]);
  expect(paths().filter((one) => one === 'POST /api/auth/refresh')).toHaveLength(1);
  expect(asked.filter(({ method }) => method === 'PATCH').map(({ body }) => body)).toEqual(['{"buy":"2"}', '{"buy":"2"}']);
  expect(session.get().state).toBe('open');
});

test('once the session has ended a read waits for the login, and a change is refused and not sent later', async () => {
  answers['/api/desk/desk/ES'] = [refused(401, 'The session has ended')];
  answers['/api/auth/refresh'] = [refused(401, 'Log in first')];
  expect((await send(change())).status).toBe(401);
  expect(session.get()).toEqual({ state: 'ended', me: ME });
  let isRead = false;
  const read = send(new Request(url('/api/board'))).then((answer) => {
    isRead = true;
    return answer;
  });
  await Promise.resolve();
  expect(isRead).toBe(false);
  entered({ ...ME, csrf: 'eight' });
  expect((await read).status).toBe(200);
  expect(paths()).toEqual(['PATCH /api/desk/desk/ES', 'POST /api/auth/refresh', 'GET /api/board']);
});

test('a renewal that PostgreSQL cannot answer ends nothing', async () => {
  answers['/api/board'] = [refused(401, 'Log in first')];
  answers['/api/auth/refresh'] = [refused(503, 'PostgreSQL: away')];
  expect((await send(new Request(url('/api/board')))).status).toBe(503);
  expect(session.get().state).toBe('open');
});

test('a page whose account logged in again in another tab takes the new token', async () => {
  answers['/api/desk/desk/ES'] = [refused(403, 'X-CSRF-Token: it was missing or wrong')];
  answers['/api/me'] = [json({ ...ME, csrf: 'eight' })];
  expect((await send(change())).status).toBe(200);
  expect(asked.filter(({ method }) => method === 'PATCH').map(({ csrf }) => csrf)).toEqual(['seven', 'eight']);
});

test('a role that was taken is learnt with the refusal', async () => {
  answers['/api/desk/desk/ES'] = [refused(403, 'asks for the role TRADER')];
  answers['/api/me'] = [json({ ...ME, role: 'VIEWER' })];
  expect((await send(change())).status).toBe(403);
  await ask();
  expect(session.get().me?.role).toBe('VIEWER');
  expect([may(ME, 'TRADER'), may(ME, 'ADMIN'), may(null, 'VIEWER')]).toEqual([true, false, false]);
});

test('a wrong password is no end of a session', async () => {
  answers['/api/auth/login'] = [refused(401, 'email or password: one of them is wrong')];
  const request = new Request(url('/api/auth/login'), { method: 'POST', body: '{}' });
  expect((await send(request)).status).toBe(401);
  expect(paths()).toEqual(['POST /api/auth/login']);
  expect(session.get().state).toBe('open');
});

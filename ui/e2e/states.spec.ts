import { cell, expect, hasProcesses, openFutures, signal, test } from './thor';

test.describe('without an answer', () => {
  test.use({ allow: /Failed to load resource|net::ERR/ });

  test('an API that fails says so in a sentence, and is asked again', async ({ page }) => {
    await page.route('**/api/instruments', (route) =>
      route.fulfill({ status: 500, json: { title: 'Broken', detail: 'x', status: 500 } }),
    );
    await page.goto('/');
    await expect(page.getByText('The instruments could not be read.')).toBeVisible();
    await expect(page.getByText(/Thor answered with an error \(500\) at \d\d:/)).toBeVisible();
    await page.unroute('**/api/instruments');
    await page.getByRole('button', { name: 'Try again' }).click();
    await expect(page.locator('tr[data-symbol]')).toHaveCount(11);
  });

  test('no answer at all is shown differently from an error', async ({ page }) => {
    await page.route('**/api/instruments', (route) => route.abort());
    await page.goto('/');
    await expect(page.getByText(/Thor did not answer at \d\d:/)).toBeVisible();
  });
});

test('a page that is not there says where to go', async ({ page }) => {
  await page.goto('/nowhere/at/all');
  await expect(page.getByText('There is no page at /nowhere/at/all.')).toBeVisible();
  await page.getByRole('link', { name: 'the futures' }).click();
  await expect(page.locator('tr[data-symbol]')).toHaveCount(11);
});

test('a clock that is off is named, and ages are counted by Thor’s', async ({ page }) => {
  await page.addInitScript(() => {
    const real = Date.now;
    Date.now = () => real() + 58 * 60_000;
  });
  await openFutures(page);
  await expect(page.getByText('Your clock is 58 minutes ahead of Thor’s.')).toBeVisible();
  await expect(cell(page, 'ES', 'age')).toHaveText(/^\d\.\d s$/);
  await expect(cell(page, 'ES', 'state')).toHaveText(/Fresh/);
});

test('what is missing is a dash, never 0', async ({ page }) => {
  await page.route('**/api/quotes/stream*', (route) =>
    route.fulfill({
      contentType: 'text/event-stream',
      body:
        'event: hello\ndata: {"ts":"2026-11-28T19:25:27Z","nature":"live","ping_s":60}\n\n' +
        'event: quote\ndata: {"symbol":"DX","last":null,"bid":null,"ask":null,"last_size":null,' +
        '"bid_size":null,"ask_size":null,"volume":null,"contract":null,"source":"EXCEL",' +
        '"basis":null,"ts":"2026-11-28T19:25:27Z","received_at":"2099-11-28T19:25:27Z",' +
        '"heard_at":"2099-11-28T19:25:27Z"}\n\n',
    }),
  );
  await page.goto('/');
  for (const column of ['last', 'bid', 'ask', 'spread_ticks', 'volume']) {
    await expect(cell(page, 'DX', column)).toHaveText('–');
  }
  await expect(page.getByText('LIVE', { exact: true })).toBeVisible();
});

test.describe('with Thor’s processes at hand', () => {
  test.skip(!hasProcesses, 'THOR_PROCESSES names none');

  test('a frozen API is lost, turns all grey, and resumes without a gap', async ({
    page,
  }) => {
    await openFutures(page);
    signal('api', 'SIGSTOP');
    try {
      // That it takes 3 s at most is the stream's own test, by a clock that no machine slows down.
      await expect(page.getByText(/^No connection to Thor since/)).toBeVisible();
      await expect(page.getByText(/Connection lost \d\d:\d\d:\d\d/)).toBeVisible();
      await expect(cell(page, 'ES', 'state')).toHaveText(/not live/);
      const colours = await page
        .locator('.fig:visible')
        .evaluateAll((found) => [...new Set(found.map((one) => getComputedStyle(one).color))]);
      expect(colours).toEqual(['rgb(143, 154, 170)']);
    } finally {
      signal('api', 'SIGCONT');
    }
    await expect(page.getByText(/^No connection to Thor since/)).toBeHidden();
    await expect(cell(page, 'ES', 'state')).toHaveText(/Fresh/);
    await expect(page.getByText('did not reach this page')).toBeHidden();
  });

  test('quotes that nobody renews turn STALE, then DEAD', async ({ page }) => {
    await openFutures(page);
    signal('simulate', 'SIGSTOP');
    try {
      const states = page.locator('td[data-column="state"]');
      await expect(cell(page, 'ES', 'state')).toHaveText(/STALE/);
      await expect(states.filter({ hasText: 'Fresh' })).toHaveCount(0);
      await expect(states.filter({ hasText: 'DEAD' })).toHaveCount(11, { timeout: 45_000 });
      await expect(page.getByText('Connected')).toBeVisible();
    } finally {
      signal('simulate', 'SIGCONT');
    }
    await expect(cell(page, 'ES', 'state')).toHaveText(/Fresh/);
  });
});

import { readFileSync } from 'node:fs';

import { expect, expectFits, hasProcesses, signal, test, type Page } from './thor';

/** Wait until the ticket has a fresh quote and the rules have decided on it. */
async function openTicket(page: Page, path = '/trade?symbol=ES') {
  await page.goto(path);
  await expect(page.getByTestId('ticket-quote')).toHaveAttribute('data-quote', 'FRESH');
  await expect(page.getByTestId('preview')).toContainText(/Would pass|Would be refused/);
}

const position = (page: Page) => page.locator('[data-testid="positions"] tr[data-position^="ES"]');

test.describe.configure({ mode: 'serial' });

test('an order that was pressed twice fills once, and its position moves with the price', async ({ page }) => {
  await openTicket(page);
  await expect(page.getByTestId('preview')).toContainText('Would pass');
  await expect(page.getByTestId('send')).toContainText(/Buy 1 ES at market, ask \d+\.\d\d/);
  await page.getByTestId('send').dblclick();
  await expect(position(page).locator('[data-field="quantity"]')).toHaveText('+1');
  await expect(page.locator('[data-testid="fills"] tbody tr')).toHaveCount(1);
  const fill = page.locator('[data-testid="fills"] tbody tr').first();
  await expect(fill).toContainText('Buy');
  await expect(fill).toContainText(/\d+ ms/);
  const open = position(page).locator('[data-field="open"]');
  const before = await open.innerText();
  await expect(open).not.toHaveText(before);
  await expect(page.getByTestId('balance')).toContainText('PAPER');
  // Its story names the fill.
  await fill.getByRole('link', { name: 'Story' }).click();
  await expect(page.locator('tr[data-kind="fill"]')).toContainText('BUY 1');
});

test('a limit waits below the market, is changed, and is cancelled', async ({ page }) => {
  await openTicket(page);
  await page.getByRole('button', { name: 'Limit', exact: true }).click();
  const field = page.getByLabel('Limit price', { exact: true });
  const ask = Number(await field.inputValue());
  await field.fill(String(ask - 60.1));
  await expect(page.getByText(/^Not on the grid/)).toBeVisible();
  await expect(page.getByTestId('send')).toBeDisabled();
  await field.fill(String(ask - 60));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Control+Enter');
  const row = page.locator('[data-testid="working"] tr[data-order]');
  await expect(row).toHaveAttribute('data-status', 'WORKING');
  await expect(row).toContainText((ask - 60.25).toFixed(2));
  await row.getByRole('button', { name: /^Change/ }).click();
  await page.getByRole('form', { name: 'Change ES' }).getByLabel('Quantity', { exact: true }).fill('2');
  await page.getByRole('button', { name: 'Change the order' }).click();
  await expect(row.locator('td').nth(2)).toHaveText('2');
  await row.getByRole('button', { name: /^Cancel/ }).click();
  await expect(page.getByText('No working orders.')).toBeVisible();
});

test('a bracket is one order: its exits wait, move, and one ends the other', async ({ page }) => {
  await openTicket(page, '/trade?symbol=ZB');
  await page.getByRole('button', { name: 'Bracket', exact: true }).click();
  const [profit, loss] = [page.getByLabel('Take profit', { exact: true }), page.getByLabel('Stop loss', { exact: true })];
  await expect(profit).toHaveValue(/^\d+'\d\d$/);
  // On the wrong side of the entry, and between two prices.
  const far = await profit.inputValue();
  await profit.fill(await loss.inputValue());
  await expect(page.getByText(/^Above the entry/)).toBeVisible();
  await profit.fill("118'10.3");
  await expect(page.getByTestId('send')).toBeDisabled();
  await profit.fill(far);
  await loss.fill(String(Number(far.split("'")[0]) - 3) + "'00");
  await expect(page.getByTestId('send')).toContainText(`take ${far}`);
  await expect(page.getByTestId('preview')).toContainText('Would pass');
  await page.keyboard.press('Control+Enter');
  const exits = page.locator('[data-testid="working"] tr[data-order]');
  await expect(exits).toHaveCount(2);
  await expect(page.locator('[data-testid="positions"] tr[data-position="ZB"] [data-field="quantity"]')).toHaveText('+1');
  // An exit is changed in place.
  const stop = exits.filter({ hasText: /Stop, exit/ });
  await stop.getByRole('button', { name: /^Change/ }).click();
  const form = page.getByRole('form', { name: 'Change ZB' });
  await form.getByRole('button', { name: 'Stop price: more' }).click();
  await page.getByRole('button', { name: 'Change the order' }).click();
  await expect(stop).toContainText(/'01/);
  // Flat again: the exits have nothing left to end.
  await page.getByRole('button', { name: 'Cancel all' }).click();
  await page.getByRole('button', { name: 'Flatten ZB' }).click();
  await expect(page.locator('[data-testid="positions"] tr[data-position="ZB"] [data-field="quantity"]')).toHaveText('0');
});

test('the statement adds up, and is saved as a file', async ({ page }) => {
  await page.goto('/account');
  await expect(page.locator('[data-testid="trades"] tbody tr').first()).toBeVisible();
  const symbols = page.getByTestId('symbols');
  await expect(symbols.locator('tr[data-series="ZB"]')).toBeVisible();
  await expect(page.getByTestId('curve')).toContainText(/\d,\d{3}\.\d\d/);
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  const file = await saving;
  expect(file.suggestedFilename()).toMatch(/^PAPER_.*\.csv$/);
  expect(readFileSync(await file.path(), 'utf8')).toMatch(/^line,section,at,trade_date,symbol/);
  await page.goto('/account?span=Range&from=2020-01-01&to=2026-01-01');
  await expect(page.getByText(/A statement is of 370 days at most/)).toBeVisible();
});

test('an ADMIN sets a limit, and its history stays', async ({ page }) => {
  await page.goto('/risk');
  const limits = page.getByTestId('limits');
  await expect(limits.locator('tr[data-rule="max_contracts"][data-of="all"]')).toContainText('10');
  await page.getByRole('button', { name: 'Change Contracts of the symbol, all' }).click();
  const form = page.getByRole('form', { name: 'Change Contracts of the symbol' });
  await form.getByLabel('Limit', { exact: true }).fill('4');
  await form.getByLabel(/Of the root/).fill('GC');
  await form.getByRole('button', { name: 'Set the limit' }).click();
  await expect(limits.locator('tr[data-rule="max_contracts"][data-of="GC"]')).toContainText('4');
  await expect(page.getByTestId('versions').locator('tbody tr').first()).toContainText('GC');
});

test.describe('a refused order', () => {
  test.use({ allow: /40\d|422/ });

  test('shows before and after it is sent why, and what would pass', async ({ page }) => {
    // Of ES the margin of 11 contracts would refuse too.
    await openTicket(page, '/trade?symbol=ZB');
    await page.getByLabel('Quantity', { exact: true }).fill('11');
    await expect(page.getByTestId('preview')).toContainText('Would be refused');
    await expect(page.getByTestId('preview')).toContainText('the limit is 10');
    await expect(page.getByTestId('preview')).toContainText('10 contracts pass.');
    await page.getByTestId('send').click();
    await expect(page.getByRole('alert')).toContainText('the limit is 10');
    await page.goto('/activity');
    const row = page.locator('[data-section="CANCELLED"] tr[data-order]').filter({ hasText: 'Refused' });
    await row.first().getByRole('link', { name: 'Story' }).click();
    await expect(page.locator('tr[data-kind="verdict"]')).toContainText('max_contracts');
    await page.getByLabel('Note in the journal').fill('Too many at once.');
    await page.getByRole('button', { name: 'Write the note' }).click();
    await expect(page.locator('tr[data-kind="note"]')).toContainText('Too many at once.');
  });
});

test('the kill switch is held, flattens, refuses, shows on every page, and is reset', async ({ page, context }) => {
  const other = await context.newPage();
  await other.goto('/system');
  await openTicket(page);
  const kill = page.getByTestId('kill');
  const hold = kill.getByRole('button', { name: /Hold 1 s/ });
  // A press that is too short stops nothing.
  await hold.click();
  await expect(kill).toHaveAttribute('data-latched', 'false');
  await hold.focus();
  await page.keyboard.down(' ');
  await expect(kill).toHaveAttribute('data-latched', 'true');
  await page.keyboard.up(' ');
  // By the event: without one it is read again after 15 s.
  await expect(other.getByTestId('latched')).toContainText('held on the page', { timeout: 2_000 });
  await expect(page.getByTestId('send')).toBeDisabled();
  await expect(kill).toHaveAttribute('data-flat', 'true');
  await expect(position(page).locator('[data-field="quantity"]')).toHaveText('0');
  await kill.getByRole('button', { name: 'Reset the kill switch' }).click();
  await expect(kill).toHaveAttribute('data-latched', 'false');
  await expect(other.getByTestId('latched')).toHaveCount(0, { timeout: 2_000 });
  await other.close();
});

test('a viewer sees all and may press nothing', async ({ page }) => {
  await page.route('**/api/me', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), role: 'VIEWER' } });
  });
  const sent: string[] = [];
  page.on('request', (request) => {
    if (request.method() !== 'GET') sent.push(`${request.method()} ${request.url()}`);
  });
  await page.goto('/trade?symbol=ES');
  await expect(page.getByTestId('ticket-quote')).toHaveAttribute('data-quote', 'FRESH');
  await expect(page.getByText('A VIEWER looks.')).toBeVisible();
  await expect(page.getByText('A VIEWER looks: ask an ADMIN for the role TRADER.')).toBeVisible();
  await expect(page.getByTestId('send')).toBeDisabled();
  await expect(page.getByText('could not be read')).toHaveCount(0);
  await expect(page.getByText(/buys, /)).toHaveCount(0);
  await expect(page.getByRole('button', { name: /Hold 1 s/ })).toBeDisabled();
  await expect(page.locator('[data-testid="fills"] tbody tr').first()).toBeVisible();
  // A ticket is asked about a quarter of a second after it was written.
  await page.waitForTimeout(600);
  await page.goto('/account');
  await expect(page.getByTestId('balances')).toContainText(/\d/);
  await expect(page.getByRole('button', { name: 'Fund' })).toHaveCount(0);
  for (const path of ['/activity', '/risk', '/settings', '/market-open']) {
    await page.goto(path);
    await expect(page.locator('h1')).toBeVisible();
  }
  expect(sent.filter((one) => !one.includes('/api/me/settings'))).toEqual([]);
});

test('a stale quote is stale in the ticket, and a dead one sends nothing', async ({ page }) => {
  test.skip(!hasProcesses, 'needs the processes of a Thor of its own');
  await openTicket(page);
  signal('simulate', 'SIGSTOP');
  try {
    await expect(page.getByTestId('ticket-quote')).toHaveAttribute('data-quote', 'STALE');
    await expect(page.getByText('Orders on a stale quote are refused until it is fresh again.')).toBeVisible();
    await expect(page.getByTestId('ticket-quote')).toHaveAttribute('data-quote', 'DEAD');
    await expect(page.getByTestId('send')).toBeDisabled();
  } finally {
    signal('simulate', 'SIGCONT');
  }
});

for (const [path, width] of [['/trade', 360], ['/trade', 800], ['/account', 1280], ['/activity', 360], ['/risk', 1280]] as const) {
  test(`${path} at ${width} overflows nothing, and axe finds nothing serious`, async ({ page }) => {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(path);
    await expect(page.locator('[data-panel]').first()).toBeVisible();
    await expectFits(page);
  });
}

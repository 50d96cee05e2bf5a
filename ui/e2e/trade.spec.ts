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
    await expect(page.locator('[data-section="CANCELLED"]')).toContainText('Refused');
  });
});

test('the kill switch is held, flattens, refuses, and is reset', async ({ page }) => {
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
  await expect(page.getByTestId('send')).toBeDisabled();
  await expect(kill).toHaveAttribute('data-flat', 'true');
  await expect(position(page).locator('[data-field="quantity"]')).toHaveText('0');
  await kill.getByRole('button', { name: 'Reset the kill switch' }).click();
  await expect(kill).toHaveAttribute('data-latched', 'false');
});

test('a viewer sees all and may press nothing', async ({ page }) => {
  await page.route('**/api/me', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), role: 'VIEWER' } });
  });
  await openTicket(page);
  await expect(page.getByText('You look on.')).toBeVisible();
  await expect(page.getByTestId('send')).toBeDisabled();
  await expect(page.getByRole('button', { name: /Hold 1 s/ })).toBeDisabled();
  await expect(page.locator('[data-testid="fills"] tbody tr').first()).toBeVisible();
  await page.goto('/account');
  await expect(page.getByTestId('balances')).toContainText(/\d/);
  await expect(page.getByRole('button', { name: 'Fund' })).toHaveCount(0);
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

for (const [path, width] of [['/trade', 360], ['/account', 1280], ['/activity', 360], ['/risk', 1280]] as const) {
  test(`${path} at ${width} overflows nothing, and axe finds nothing serious`, async ({ page }) => {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(path);
    await expect(page.locator('[data-panel]').first()).toBeVisible();
    await expectFits(page);
  });
}

import { cell, expect, openFutures, expectFits, test } from './thor';

const SIGNAL = /^(▲▲Strong buy|▲Buy|■Hold|▼Sell|▼▼Strong sell|no signal)$/;

test('each row and card carries its signal, and the TOTAL leads', async ({ page }) => {
  await openFutures(page);
  for (const symbol of ['YM', 'ES', 'ZB']) await expect(cell(page, symbol, 'signal')).toHaveText(SIGNAL);
  await expect(page.getByTestId('total')).toContainText(/11 of 11/);
  await page.keyboard.press('c');
  await expect(page.getByRole('article').first()).toHaveAccessibleName('TOTAL');
  await expect(page.getByRole('article', { name: /^ES/ })).toContainText(/Wgt 6 · stat/);
});

test.describe('a change that is refused first', () => {
  // The browser names every refusal in its console.
  test.use({ allow: /status of 422/ });

  test('a weight is changed with its reason, counts at once, and is brought back', async ({ page }) => {
    await page.goto('/settings');
    const row = page.locator('tr[data-symbol="YM"]');
    await expect(row.locator('[data-field="weight"]')).toHaveText('55');
    await page.getByRole('button', { name: 'Change YM' }).click();
    const form = page.getByRole('form', { name: 'Numbers of YM' });
    await form.getByLabel('Strong buy').fill('5');
    await form.getByLabel('Why').fill('a test of the order');
    await form.getByRole('button', { name: 'Save' }).click();
    await expect(form.getByText(/YM stays as it is\..*out of order/)).toBeVisible();
    await form.getByLabel('Strong buy').fill('60');
    await form.getByLabel('Weight').fill('56.5');
    await form.getByRole('button', { name: 'Save' }).click();
    await expect(row.locator('[data-field="weight"]')).toHaveText('56.5');
    await expect(row).toContainText('a test of the order');
    // The TOTAL's denominator is the sum of all weights: 165.672 and 1.5 more.
    await page.getByRole('link', { name: 'TOTAL' }).first().click();
    await expect(page.getByTestId('total')).toContainText('÷ 167.172');
    await page.goto('/settings');
    await page.getByRole('button', { name: 'Versions of YM' }).click();
    await page.getByRole('row', { name: /Weight, version 1/ }).getByRole('button', { name: 'Bring back' }).click();
    await expect(row.locator('[data-field="weight"]')).toHaveText('55');
    await expect(row).toContainText('version 1 again');
  });
});

test('the history of the TOTAL is drawn', async ({ page }) => {
  await page.goto('/total?span=15m');
  await expect(page.getByRole('img', { name: /^The TOTAL over \d+ steps/ })).toBeVisible();
  await expect(page.getByTestId('facts')).toContainText('Score');
});

for (const path of ['/settings', '/total?span=15m']) {
  for (const width of [360, 1280]) {
    test(`${path} at ${width} overflows nothing, and axe finds nothing serious`, async ({ page }) => {
      await page.setViewportSize({ width, height: 800 });
      await page.goto(path);
      await expect(page.locator('[data-testid="numbers"] tbody tr, [role="img"]').first()).toBeVisible();
      await expectFits(page);
    });
  }
}

import { expect, expectFits, test } from './thor';

test('the chart has history, the open bar, and facts of the bar', async ({ page }) => {
  await page.goto('/chart/ES?width=5m');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('ES');
  const chart = page.getByRole('img', { name: /^Candles of ES, 5m, \d+ bars/ });
  await expect(chart).toBeVisible();
  const bars = Number(/(\d+) bars/.exec((await chart.getAttribute('aria-label')) ?? '')![1]);
  // Two sessions and more, as they were imported.
  expect(bars).toBeGreaterThan(300);
  await expect(page.getByTestId('facts')).toContainText('open');
  await expect(page.getByTestId('facts')).toContainText(/Ticks\s*\d+/);
  // Left of what was read lie older bars, which come as one goes there.
  await chart.focus();
  await page.keyboard.press('Home');
  await expect
    .poll(async () => Number(/(\d+) bars/.exec((await chart.getAttribute('aria-label')) ?? '')![1]))
    .toBeGreaterThan(bars + 1);
});

test('the link holds width, zone and features, and the keyboard changes the width', async ({ page }) => {
  await page.goto('/chart/ES?width=1m&features=rsi_14');
  await expect(page.getByRole('img', { name: /^Candles of ES, 1m/ })).toBeVisible();
  await expect(page.locator('dt', { hasText: 'rsi_14' })).toBeVisible();
  await page.keyboard.press('4');
  await expect(page).toHaveURL(/width=1h/);
  await expect(page.getByRole('img', { name: /^Candles of ES, 1h/ })).toBeVisible();
  await page.getByRole('combobox', { name: 'Time zone' }).click();
  await page.getByRole('option', { name: 'London' }).click();
  await expect(page.getByText(/\d\d:\d\d:\d\d Europe\/London/)).toBeVisible();
});

test('an unknown symbol or width is a sentence with a way on', async ({ page }) => {
  await page.goto('/chart/ESX');
  await expect(page.getByText('Thor does not know the symbol ESX.')).toBeVisible();
  await page.getByRole('link', { name: 'ES', exact: true }).first().click();
  await expect(page.getByRole('img', { name: /^Candles of ES/ })).toBeVisible();
  await page.goto('/chart/ES?width=7m');
  await expect(page.getByText('Thor has no bars of the width 7m.')).toBeVisible();
  await page.getByRole('link', { name: 'ES in five minutes' }).click();
  await expect(page.getByRole('img', { name: /^Candles of ES, 5m/ })).toBeVisible();
  await page.goto('/chart/ES?features=no_such_thing');
  await expect(page.getByText('A feature of the link is unknown at this width.')).toBeVisible();
});

test.describe('without an answer', () => {
  test.use({ allow: /Failed to load resource|net::ERR/ });

  test('bars that cannot be read are said, and quotes go on', async ({ page }) => {
    await page.route('**/api/bars/**', (route) =>
      route.fulfill({ status: 500, json: { title: 'Broken', detail: 'x', status: 500 } }),
    );
    await page.goto('/chart/ES');
    await expect(page.getByText('The bars of ES could not be read.')).toBeVisible();
    await expect(page.getByText('Quotes go on.')).toBeVisible();
    await page.unroute('**/api/bars/**');
    await expect(page.getByRole('img', { name: /^Candles of ES/ })).toBeVisible();
    await expect(page.getByText('The bars of ES could not be read.')).toBeHidden();
  });
});

for (const width of [360, 1280]) {
  test(`at ${width} the chart overflows nothing, and axe finds nothing serious`, async ({ page }) => {
    await page.setViewportSize({ width, height: 800 });
    await page.goto('/chart/ES?features=rsi_14');
    await expect(page.getByRole('img', { name: /^Candles of ES/ })).toBeVisible();
    await expectFits(page);
  });
}

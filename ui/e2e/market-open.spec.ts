import { expect, expectFits, test } from './thor';

test('a market is captured by hand, each row has its rule, and the history counts it', async ({ page }) => {
  await page.goto('/market-open');
  // Before any capture of the day the page says what comes, and one of today's may be there.
  await expect(page.getByText(/No capture today yet|captured \d/).first()).toBeVisible();
  await page.getByRole('button', { name: 'Capture now' }).click();
  await page.getByRole('menuitem', { name: 'Japan' }).click();
  const rows = page.locator('[data-testid="capture"] tbody tr');
  await expect(rows).toHaveCount(12);
  await expect(rows.first()).toHaveAttribute('data-symbol', 'TOTAL');
  // Of a market that has just begun, DX may have had no tick yet.
  await expect(page.locator('tr[data-symbol="DX"]')).toContainText(/hold, no entry|no quote at the capture/);
  const graded = page.locator('[data-testid="distance"]').first();
  await expect(graded).toHaveText(/ticks? to target, \d+ to stop|at (target|stop)/);
  await expect(page.locator('[data-testid="history"] tbody tr').first()).toContainText('Japan');
  await page.locator('[data-panel]').first().locator('[data-sql]').click();
  await expect(page.getByTestId('sql').first()).toContainText(/capture_group = 'Japan\/\d{4}-\d{2}-\d{2}\/MANUAL'/);
});

for (const width of [360, 1280]) {
  test(`market open at ${width} overflows nothing, and axe finds nothing serious`, async ({ page }) => {
    await page.setViewportSize({ width, height: 800 });
    await page.goto('/market-open?kind=MANUAL');
    await expect(page.locator('[data-panel]')).toHaveCount(3);
    await expectFits(page);
  });
}

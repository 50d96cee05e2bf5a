import { expect, expectFits, test } from './thor';

test('the clock wall has nine markets with their states, and fits', async ({ page }) => {
  await page.setViewportSize({ width: 360, height: 800 });
  await page.goto('/markets');
  const clocks = page.getByTestId('wall').getByRole('listitem');
  await expect(clocks).toHaveCount(10);
  await expect(clocks.first()).toContainText(/^Japan.*(Open|Preopen|Preclose|Lunch|Closed|Holiday)/);
  await expect(clocks.first()).toContainText(/Tokyo.*\d\d:\d\d:\d\d.*in [\d:dh ]+/);
  await expect(page.getByTestId('composite')).toContainText(/^\d+ of 100/);
  await page.setViewportSize({ width: 1280, height: 800 });
  await expectFits(page);
});

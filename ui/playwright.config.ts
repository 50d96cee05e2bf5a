import { existsSync } from 'node:fs';

import { defineConfig } from '@playwright/test';

// Debian's own browser where it is; Playwright's where it was installed.
const chromium = process.env.THOR_CHROMIUM ?? '/usr/bin/chromium';

export default defineConfig({
  testDir: 'e2e',
  fullyParallel: false,
  workers: 1,
  // What is waited for is the thing itself; these only end what never comes.
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  outputDir: 'test-results',
  use: {
    baseURL: process.env.THOR_URL ?? 'http://127.0.0.1:8000',
    viewport: { width: 1280, height: 880 },
    timezoneId: 'Europe/London',
    launchOptions: {
      ...(existsSync(chromium) ? { executablePath: chromium } : {}),
      args: ['--no-sandbox'],
    },
  },
});

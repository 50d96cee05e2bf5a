// How soon a quote is painted, and what it costs the main thread, at 1,000 quotes a second for
// eleven symbols: `node bench/paint.mjs` in ui/, with a Thor running (THOR_URL). Beside it, in the
// same run, an empty page's frame time and a page that only parses the same events.
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { chromium } from '@playwright/test';

const THOR = process.env.THOR_URL ?? 'http://127.0.0.1:8000';
const SECONDS = Number(process.env.SECONDS ?? 10);
const PER_SECOND = 1000;
const BATCH_MS = 10;

const read = async (path) => (await fetch(THOR + path)).json();
const [instruments, board, quotes] = await Promise.all(
  ['/api/instruments', '/api/board', '/api/quotes'].map(read),
);
const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const PARSER = `<!doctype html><script>
  const source = new EventSource('/api/quotes/stream');
  source.addEventListener('quote', (event) => { window.seen = JSON.parse(event.data); });
</script>`;

const server = createServer((request, answer) => {
  const path = request.url.split('?')[0];
  const json = (value) => answer.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  if (path === '/api/instruments') return json(instruments);
  if (path === '/api/board') return json(board);
  if (path === '/empty') return answer.setHeader('content-type', 'text/html').end('<!doctype html>');
  if (path === '/parser') return answer.setHeader('content-type', 'text/html').end(PARSER);
  if (path === '/api/quotes/stream') return stream(request, answer);
  const file = `dist${path}`;
  if (path === '/' || !existsSync(file)) {
    const page = readFileSync('dist/index.html', 'utf8').replaceAll(/ nonce="__THOR_NONCE__"/g, '');
    return answer.setHeader('content-type', 'text/html').end(page);
  }
  answer.setHeader('content-type', TYPES[path.split('.').pop()] ?? 'text/plain');
  return createReadStream(file).pipe(answer);
});

function stream(request, answer) {
  answer.writeHead(200, { 'content-type': 'text/event-stream' });
  const now = () => new Date().toISOString();
  const hello = { ts: now(), nature: 'simulated', ping_s: 1, stale_ms: 5000, dead_ms: 30000 };
  answer.write(`event: hello\ndata: ${JSON.stringify(hello)}\n\n`);
  let [sent, tick] = [0, 0];
  const begun = performance.now();
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - begun) / 1000) * PER_SECOND);
    let text = '';
    for (; sent < due; sent += 1) {
      const quote = quotes[sent % quotes.length];
      tick += 1;
      const last = (Number(quote.last) + ((tick % 7) - 3) * 0.25).toFixed(2);
      const ts = now();
      text += `event: quote\nid: 1-${sent}.0\ndata: ${JSON.stringify({ ...quote, last, ts, received_at: ts, heard_at: ts })}\n\n`;
    }
    answer.write(text);
  }, BATCH_MS);
  request.on('close', () => clearInterval(timer));
}

await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const base = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  ...(existsSync('/usr/bin/chromium') ? { executablePath: '/usr/bin/chromium' } : {}),
  args: ['--no-sandbox'],
});

/** Runs in the page: from the arrival of each quote to the end of the frame that follows. */
function watch() {
  window.waits = [];
  let pending = [];
  const channel = new MessageChannel();
  let painted = [];
  // What is posted in a frame's callback is heard once the frame was drawn.
  channel.port1.onmessage = () => {
    const now = performance.now();
    for (const at of painted) window.waits.push(now - at);
    painted = [];
  };
  const frame = () => {
    painted.push(...pending);
    pending = [];
    channel.port2.postMessage(0);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const Real = window.EventSource;
  window.EventSource = class extends Real {
    constructor(...words) {
      super(...words);
      super.addEventListener('quote', () => pending.push(performance.now()));
    }
  };
}

async function measured(path, open) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 880 } });
  await page.addInitScript(watch);
  await page.goto(base + path);
  if (open) await page.evaluate(() => void new EventSource('/api/quotes/stream'));
  await page.waitForTimeout(3000);
  const session = await page.context().newCDPSession(page);
  // Of the thread's own time: what else runs on this machine does not count.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const NAMES = ['TaskDuration', 'ScriptDuration', 'RecalcStyleDuration', 'LayoutDuration'];
  const busy = async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return NAMES.map((name) => metrics.find((one) => one.name === name).value);
  };
  await page.evaluate(() => (window.waits.length = 0));
  const before = await busy();
  await page.waitForTimeout(SECONDS * 1000);
  const after = await busy();
  const [share, ...parts] = after.map((value, index) => (value - before[index]) / SECONDS);
  const waits = (await page.evaluate(() => window.waits)).sort((a, b) => a - b);
  await page.close();
  return { share, parts, count: waits.length, p95: waits[Math.floor(waits.length * 0.95)] };
}

const pages = {
  empty: await measured('/empty', true),
  parser: await measured('/parser'),
  table: await measured('/'),
  heatmap: await measured('/?view=heatmap'),
  cards: await measured('/?view=cards'),
};
for (const [name, { share, parts, count, p95 }] of Object.entries(pages)) {
  const line = `${name.padEnd(8)} ${(count / SECONDS).toFixed(0).padStart(5)} quotes/s`;
  console.log(`${line}  painted P95 ${p95?.toFixed(1)} ms  main thread ${(share * 100).toFixed(1)} % (script, style, layout ${parts.map((one) => (one * 100).toFixed(1)).join(', ')})`);
}
console.log(
  `table: ${(pages.table.p95 - pages.empty.p95).toFixed(1)} ms over the empty page, ` +
    `${(pages.table.share / pages.parser.share).toFixed(1)} × the parser`,
);
await browser.close();
server.close();
process.exit(0);

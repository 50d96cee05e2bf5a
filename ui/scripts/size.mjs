// The first page's weight: what the browser fetches to show `/`, gzipped, and the chart apart.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const LIMIT_KB = 250;
const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8'));
const files = new Set(['index.html']);
const collect = (key) => {
  const chunk = manifest[key];
  if (files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const style of chunk.css ?? []) files.add(style);
  for (const one of chunk.imports ?? []) collect(one);
};
collect('index.html');
collect('src/pages/Futures/index.tsx');
const texts = [...files].map((file) => readFileSync(`dist/${file}`));
const kb = texts.reduce((sum, text) => sum + gzipSync(text).length, 0) / 1000;
const hasChart = texts.some((text) => text.includes('attributionLogo:'));
console.log(`first page ${kb.toFixed(1)} kB gzipped of ${LIMIT_KB}, ${files.size} files`);
if (hasChart) console.log('the chart library is in the first page: give it a chunk of its own');
process.exit(kb > LIMIT_KB || hasChart ? 1 : 0);

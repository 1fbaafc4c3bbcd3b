// Elements, numbers, colours and the tip, for all drawings of the page.
'use strict';
const svgTags = new Set(['svg', 'g', 'line', 'path', 'circle', 'rect', 'text']);

function el(tag, attributes = {}, ...children) {
  const node = svgTags.has(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const digits = (v, n) => v.toLocaleString('en-US', { minimumFractionDigits: n, maximumFractionDigits: n });
// Three figures that count, whatever the size.
const figures = v => v === 0 ? '0' : digits(v, Math.max(0, Math.min(4, 2 - Math.floor(Math.log10(Math.abs(v))))));
const percent = share => digits(100 * share, 1) + ' %';
const mib = bytes => digits(bytes / 1048576, 1) + ' MiB';
const color = i => `var(--c${i % 8})`;

// Kernels of one folder have one colour, the folder with the most time the first.
function families(kernels) {
  const time = new Map();
  for (const k of kernels) time.set(k.name.split('/')[0], (time.get(k.name.split('/')[0]) ?? 0) + k.timeMs.median);
  return [...time.keys()].sort((a, b) => time.get(b) - time.get(a));
}

function describe(row) {
  const lines = [row.name, `${figures(row.timeMs.median)} ms (${figures(row.timeMs.min)} to ${figures(row.timeMs.max)}), ${percent(row.share)} of the run, ${row.calls} dispatches`];
  lines.push(`${figures(row.gigaflopsPerSecond)} GFLOP/s, ${figures(row.gigabytesPerSecond)} GB/s: ${percent(row.roofline)} of the roof, bound by ${row.memoryBound ? 'memory' : 'arithmetic'}`);
  if (row.compiler) {
    const c = row.compiler, known = [['registers', c.registers], ['spills', c.spills], ['occupancy', c.occupancy]].filter(f => f[1] != null);
    if (known.length) lines.push(known.map(f => `${f[0]} ${f[1]}`).join(', '));
  }
  return lines.join('\n');
}

function watchTips() {
  const tip = document.getElementById('tip');
  document.addEventListener('pointermove', showTip);
  document.addEventListener('pointerdown', showTip);
  document.addEventListener('scroll', () => { tip.style.visibility = 'hidden'; }, true);
  function showTip(event) {
    const text = event.target.closest?.('[data-tip]')?.getAttribute('data-tip');
    tip.style.visibility = text ? 'visible' : 'hidden';
    if (!text) return;
    tip.textContent = text;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
    tip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 12 : event.clientY + 18}px`;
  }
}

// Puts the page together, and anew where its width changes.
const profile = JSON.parse(document.getElementById('profile').textContent);
const at = id => document.getElementById(id);
const names = families(profile.kernels);

function drawHead() {
  const s = profile.subject, t = profile.totals, c = profile.timestampCost;
  const what = s.mode === 'train' ? 'training step' : 'inference';
  document.title = `${s.arch} ${what}: xclr profile`;
  at('title').textContent = `${s.arch} ${what}, ${s.imageSize} x ${s.imageSize}, ${s.rows} rows`;
  at('subtitle').textContent = `${profile.device}, ${profile.driver}; ${profile.date.slice(0, 10)}; medians of ${profile.steps} runs on ${s.data || 'noise'}`;
  const tiles = [
    [`${figures(t.gpuMs.median)} ms`, `GPU time (${figures(t.gpuMs.min)} to ${figures(t.gpuMs.max)})`], [figures(t.imagesPerSecond), 'images/s by the wall clock'],
    [`${figures(t.gapMs.median)} ms`, 'gaps between dispatches'], [`${figures(t.sumMs.median - t.busyMs.median)} ms`, 'dispatches overlap'],
    [`${figures(t.hostMs.median)} ms`, 'host: upload and submit'], [`${figures(t.loaderWaitMs.median)} ms`, 'waiting for data'],
    [`${c.percent > 0 ? '+' : ''}${digits(c.percent, 1)} %`, 'cost of the timestamps'],
  ];
  at('tiles').replaceChildren(...tiles.map(([value, title]) => el('div', { class: 'tile' }, el('b', {}, value), el('span', {}, title))));
}

function drawPhases() {
  const bar = el('div', { class: 'bar' });
  profile.phases.forEach((row, i) => {
    const part = el('div', { 'data-tip': describe(row) }, row.share > 0.08 ? `${row.name} ${percent(row.share)}` : '');
    part.style.flexGrow = row.timeMs.median;
    part.style.flexBasis = '0';
    if (row.share <= 0.08) part.style.padding = '0';
    part.style.background = color(i);
    bar.append(part);
  });
  const legend = el('div', { class: 'legend' }, ...profile.phases.map((row, i) => dot(i, `${row.name} ${figures(row.timeMs.median)} ms`)));
  at('phases').replaceChildren(bar, legend);
}

function dot(i, text) {
  const mark = el('i');
  mark.style.background = color(i);
  return el('span', {}, mark, text);
}

function drawPlots() {
  drawRoofline(at('roofline'), profile, names);
  drawTreemap(at('treemap'), profile.layers);
  drawMemory(at('memory'), profile);
}

const rowsOf = {
  kernels: () => profile.kernels, layers: () => profile.layers, dispatches: () => profile.dispatches.map(d => d.row), phases: () => profile.phases,
};

function drawView(view) {
  const wanted = at('search').value.toLowerCase();
  const rows = rowsOf[view]().filter(r => r.name.toLowerCase().includes(wanted));
  for (const button of at('views').children) button.setAttribute('aria-selected', button.textContent === view);
  if (rows.length === 0) { at('table').replaceChildren(el('p', { class: 'note' }, 'nothing of that name')); return; }
  drawTable(at('table'), rows, rows.some(r => r.compiler) ? [...rowColumns, ...compilerColumns] : rowColumns, view === 'kernels' ? { column: 1, down: true } : null);
}

function drawMore(id, title, rows, columns) {
  if (!rows?.length) return;
  const table = el('div', { class: 'scroll' });
  drawTable(table, rows, columns);
  at(id).replaceChildren(el('h2', {}, title), table);
}

drawHead();
drawPhases();
at('legend').replaceChildren(...names.map((name, i) => dot(i, name)));
at('memory-note').textContent = `Buffers that live within a run share ${mib(profile.memory.arenaBytes)} (dashed); ${mib(profile.memory.persistentBytes)} beside them stay. By dispatch, in order.`;
drawPlots();
drawMore('comparison', 'Against the baseline', profile.comparison?.rows, comparedColumns);
drawMore('isolated', 'Alone, between barriers', profile.isolated, isolatedColumns);
let view = 'kernels';
for (const name of Object.keys(rowsOf)) {
  const button = el('button', { role: 'tab', type: 'button' }, name);
  button.addEventListener('click', () => drawView(view = name));
  at('views').append(button);
}
at('search').addEventListener('input', () => drawView(view));
drawView(view);
watchTips();
let drawnWidth = innerWidth;
addEventListener('resize', () => { if (innerWidth !== drawnWidth) { drawnWidth = innerWidth; drawPlots(); } });

// Puts the page together, and the plots anew where its width changes.
const report = JSON.parse(document.getElementById('report').textContent);
const at = id => document.getElementById(id);
const maps = [];

function dot(i, text, fill = color(i)) {
  const mark = el('i');
  mark.style.background = fill;
  return el('span', {}, mark, text);
}

function drawComparison() {
  if (!report.rows) return;
  const cell = v => !v ? '' : v.deviation == null ? digits(v.mean, 3) : `${digits(v.mean, 3)} ± ${digits(v.deviation, 3)}`;
  const head = el('tr', {}, ...['loss', 'seeds', ...report.columns.map(c => c.title)].map(t => el('th', {}, t)));
  const rows = report.rows.map(r => el('tr', {}, el('td', {}, r.name), el('td', {}, `${r.seeds}`), ...report.columns.map(c => el('td', {}, cell(r.values[c.name])))));
  at('comparison').replaceChildren(el('h2', {}, 'Comparison'), el('p', { class: 'note' }, 'Held-out images, mean and standard deviation over the seeds. Everything but the loss is the same in all rows; nothing was tuned for one of them.'),
    el('div', { class: 'scroll' }, el('table', {}, head, ...rows)), ...report.findings.map(f => el('p', {}, f)));
}

function facts(rows) {
  return el('div', { class: 'scroll' }, el('table', {}, ...rows.map(([name, value]) => el('tr', {}, el('td', {}, name), el('td', { class: 'wrap' }, `${value}`)))));
}

function imageParts(run) {
  const i = run.images;
  if (!i) return [el('p', { class: 'note' }, run.imagesMissing)];
  const classes = [...new Set(i.images.map(x => x.class).filter(Boolean))].sort();
  const map = el('div', { class: 'plot' });
  maps.push(() => drawMap(map, i.images, classes));
  const pair = el('div', { class: 'pair' }, drawMatrix('Images: cosines of features', i.imageCosines, i.images, i.order), ...(i.textCosines ? [drawMatrix('Texts: cosines of captions', i.textCosines, i.images, i.order)] : []));
  const fidelity = i.fidelity == null ? '' : ` Their rank correlation over all ${i.images.length} images is ${digits(i.fidelity, 3)}.`;
  return [
    el('h3', {}, 'Similarities'), el('p', { class: 'note' }, `${i.order.length} held-out images, by class, then caption; colours from the 2nd to the 98th percentile.${fidelity}`), pair,
    el('h3', {}, 'Nearest images'), el('p', { class: 'note' }, 'A held-out image, then its nearest by the cosine of features.'), ...i.galleries.map(g => drawGallery(g, i.images)),
    el('h3', {}, 'Map'), el('p', { class: 'note' }, `First two principal components of the normalised features; they hold ${percent(i.explained)} of the variance.`), map,
    ...(classes.length ? [el('div', { class: 'legend' }, ...classes.map((c, k) => dot(k, c, hue(k, classes.length))))] : []),
  ];
}

function drawRuns() {
  maps.length = 0;
  at('runs').replaceChildren(...report.runs.map(run => {
    const config = el('details', {}, el('summary', {}, 'Configuration'), facts(Object.entries(run.config).filter(([, v]) => v !== null)));
    return el('section', {}, el('h2', {}, `${run.name}: ${run.config.loss}, ${run.config.arch}, ${run.config['image-size']} px`),
      el('p', { class: 'note' }, `${run.step} steps of ${run.config['batch-size']} samples; ${run.device}; commit ${run.commit ?? 'unknown'}`), ...imageParts(run), config);
  }));
  maps.forEach(draw => draw());
}

function drawAll() {
  drawCurves();
  maps.forEach(draw => draw());
}

document.title = 'xclr report';
at('title').textContent = report.rows ? 'Comparison of losses' : report.runs.map(r => r.name).join(', ');
at('subtitle').textContent = `${report.runs.length} run${report.runs.length === 1 ? '' : 's'}; ${report.date}`;
drawComparison();
drawRuns();
drawCurves();
watchTips();
let drawn = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === drawn) return;
  drawn = innerWidth;
  drawAll();
});

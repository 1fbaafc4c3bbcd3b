// Line charts of the runs' metrics over steps.

// Values of a field over steps; f reads it from a line of metrics.jsonl.
const series = f => report.runs.map((run, i) => ({ name: run.name, color: color(i), points: run.metrics.map(m => [m.step, f(m)]).filter(p => Number.isFinite(p[1])) })).filter(s => s.points.length);

const charts = [
  ['Loss (nats)', m => m.loss], ['k-NN top-1 accuracy, held-out images', m => m.eval?.knn_top1], ['Similarity fidelity', m => m.eval?.fidelity], ['Learning rate', m => m.lr],
  ['Share of the target on the own other view', m => m.target_own_view], ['Gradient norm', m => m.grad_norm], ['Throughput (images/s)', m => m.images_per_s],
  ['Waiting for data (share of the time)', m => m.data_wait],
];

// The round number next to v: 1, 2 or 5 times a power of ten.
function nice(v) {
  const power = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 5, 10].map(f => f * power).find(f => f >= v * 0.999);
}

// The least and the greatest value; runs may have more points than a call takes arguments.
function range(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const v of values) [low, high] = [Math.min(low, v), Math.max(high, v)];
  return [low, high];
}

// At most about this many points: of each stretch the lowest and the highest, in order.
function thin(points, most) {
  if (points.length <= most) return points;
  const kept = [], stretch = Math.ceil(2 * points.length / most);
  for (let i = 0; i < points.length; i += stretch) {
    const part = points.slice(i, i + stretch), low = part.reduce((a, p) => p[1] < a[1] ? p : a), high = part.reduce((a, p) => p[1] > a[1] ? p : a);
    kept.push(...low === high ? [low] : low[0] < high[0] ? [low, high] : [high, low]);
  }
  return kept;
}

function drawCurve(home, lines) {
  const width = Math.max(260, home.clientWidth), height = 190, left = 52, right = 8, top = 8, bottom = 26;
  const all = lines.flatMap(l => l.points), [x0, x1] = range(all.map(p => p[0]));
  let [y0, y1] = range(all.map(p => p[1]));
  if (y0 > 0 && y0 < 0.6 * y1) y0 = 0;
  if (y1 === y0) [y0, y1] = [y0 - Math.abs(y0 || 1) * 0.1, y1 + Math.abs(y1 || 1) * 0.1];
  const px = x => x1 === x0 ? left + (width - left - right) / 2 : left + (width - left - right) * (x - x0) / (x1 - x0), py = y => height - bottom - (height - top - bottom) * (y - y0) / (y1 - y0);
  const svg = el('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img' });
  const unit = nice((y1 - y0) / 4);
  for (let v = Math.ceil(y0 / unit) * unit; v <= y1 + unit * 1e-6; v += unit) {
    svg.append(el('line', { x1: left, x2: width - right, y1: py(v), y2: py(v), class: 'grid' }), el('text', { x: left - 6, y: py(v) + 4, 'text-anchor': 'end' }, `${+v.toPrecision(3)}`));
  }
  svg.append(el('text', { x: left, y: height - 8 }, `step ${x0}`), el('text', { x: width - right, y: height - 8, 'text-anchor': 'end' }, `${x1}`));
  for (const line of lines) {
    svg.append(el('path', { class: 'curve', stroke: line.color, d: thin(line.points, 2 * width).map((p, i) => `${i ? 'L' : 'M'}${px(p[0]).toFixed(1)} ${py(p[1]).toFixed(1)}`).join('') }));
    const every = Math.ceil(line.points.length / 40);
    line.points.filter((_, i) => i % every === 0 || i === line.points.length - 1).forEach(p => svg.append(el('circle', { cx: px(p[0]), cy: py(p[1]), r: line.points.length < 40 ? 3 : 5,
      fill: line.points.length < 40 ? line.color : 'transparent', 'data-tip': `${line.name}\nstep ${p[0]}: ${+p[1].toPrecision(4)}` })));
  }
  home.replaceChildren(svg);
}

function drawCurves() {
  at('legend').replaceChildren(...report.runs.map((run, i) => dot(i, `${run.name} (${run.config.loss})`)));
  const homes = charts.map(([title, f]) => [title, series(f)]).filter(([, lines]) => lines.length).map(([title, lines]) => {
    const plot = el('div', { class: 'plot' });
    return { block: el('div', {}, el('h3', {}, title), plot), plot, lines };
  });
  at('curves').replaceChildren(...homes.map(h => h.block));
  homes.forEach(h => drawCurve(h.plot, h.lines));
}

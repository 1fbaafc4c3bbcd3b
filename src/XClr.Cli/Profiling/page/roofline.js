// Rate against arithmetic intensity, both logarithmic.
function drawRoofline(home, profile, names) {
  const width = home.clientWidth, small = width < 600, height = small ? 340 : 460;
  const left = 56, right = 14, top = 14, bottom = 44;
  const { gigabytesPerSecond: copy, gigaflopsPerSecond: fma, matrixGigaflopsPerSecond: matrix } = profile.peaks;
  const peak = Math.max(fma, matrix ?? 0), ridge = peak / copy;
  const points = profile.kernels.map(k => ({ k, x: k.bytes > 0 ? k.flops / k.bytes : 0, y: k.gigaflopsPerSecond }));
  const some = points.filter(p => p.x > 0);
  const x0 = 10 ** Math.floor(Math.log10(Math.min(ridge / 100, ...some.map(p => p.x))));
  const x1 = 10 ** Math.ceil(Math.log10(Math.max(ridge * 10, ...some.map(p => p.x))));
  // Without arithmetic: at the edge, where the slope stands for the copy.
  for (const p of points) if (p.x === 0) [p.x, p.y] = [x0, p.k.gigabytesPerSecond * x0];
  const y1 = 10 ** Math.ceil(Math.log10(1.3 * Math.max(peak, ...points.map(p => p.y))));
  const y0 = 10 ** Math.floor(Math.log10(Math.min(x0 * copy, ...points.map(p => Math.max(p.y, y1 * 1e-7)))));
  const scale = (v, from, to, a, b) => a + (b - a) * Math.log10(v / from) / Math.log10(to / from);
  const edge = 20;
  const px = v => scale(v, x0, x1, left + edge, width - right), py = v => scale(Math.max(v, y0), y0, y1, height - bottom, top);

  const svg = el('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'roofline' });
  const tick = v => v >= 1 ? v.toLocaleString('en-US') : String(+v.toPrecision(1));
  for (let v = x0; v <= x1 * 1.01; v *= 10) {
    svg.append(el('line', { x1: px(v), x2: px(v), y1: top, y2: height - bottom, class: 'grid' }), el('text', { x: px(v), y: height - bottom + 18, 'text-anchor': 'middle' }, tick(v)));
  }
  for (let v = y0; v <= y1 * 1.01; v *= 10) {
    svg.append(el('line', { x1: left, x2: width - right, y1: py(v), y2: py(v), class: 'grid' }), el('text', { x: left - 8, y: py(v) + 4, 'text-anchor': 'end' }, tick(v)));
  }
  svg.append(el('text', { x: (left + width - right) / 2, y: height - 6, 'text-anchor': 'middle' }, small ? 'FLOP per byte' : 'arithmetic intensity, FLOP per byte of memory traffic'),
    el('text', { x: left + 8, y: top + 12 }, 'GFLOP/s'));
  const roof = level => `M${left} ${py(x0 * copy * 10 ** (-edge / (px(10) - px(1))))} L${px(x0)} ${py(x0 * copy)} L${px(level / copy)} ${py(level)} L${px(x1)} ${py(level)}`;
  svg.append(el('path', { d: roof(fma), class: 'roof' }));
  if (matrix) svg.append(el('path', { d: roof(matrix), class: 'roof', 'stroke-dasharray': '5 4' }));
  const level = (v, what) => el('text', { x: width - right - 4, y: py(v) - 6, 'text-anchor': 'end', class: 'strong' }, `${figures(v)} GFLOP/s ${what}`);
  const middle = Math.sqrt(x0 * ridge), angle = Math.atan2(py(ridge * copy) - py(x0 * copy), px(ridge) - px(x0)) * 180 / Math.PI;

  const biggest = Math.max(...points.map(p => p.k.share));
  const radius = share => 3 + (small ? 11 : 17) * Math.sqrt(share / biggest);
  for (const p of [...points].sort((a, b) => b.k.share - a.k.share)) {
    svg.append(el('circle', { cx: px(p.x), cy: py(p.y), r: radius(p.k.share), fill: color(names.indexOf(p.k.name.split('/')[0])), 'fill-opacity': 0.72, 'data-tip': describe(p.k) }));
  }
  svg.append(level(fma, 'fp32'), el('text', { transform: `translate(${px(middle)} ${py(middle * copy) - 8}) rotate(${angle})`, 'text-anchor': 'middle', class: 'strong' }, `${figures(copy)} GB/s`));
  if (matrix) svg.append(level(matrix, 'matrices'));
  label(svg, points.filter(p => p.k.share >= 0.02).sort((a, b) => b.k.share - a.k.share).slice(0, small ? 4 : 9));
  home.replaceChildren(svg);

  // Names of the kernels that take most, where they do not cover each other.
  function label(target, chosen) {
    const taken = [fma, matrix].filter(v => v).map(v => [width - right - 130, py(v) - 6, 130]);
    for (const p of chosen) {
      const name = p.k.name.split('/').pop(), wide = 6.6 * name.length, r = radius(p.k.share);
      const places = [[px(p.x) + r + 4, py(p.y) + 4], [px(p.x) - r - 4 - wide, py(p.y) + 4], [px(p.x) - wide / 2, py(p.y) - r - 5], [px(p.x) - wide / 2, py(p.y) + r + 14]];
      const place = places.find(([x, y]) => x > left && x + wide < width - right && y > top + 10 && !taken.some(t => x < t[0] + t[2] && t[0] < x + wide && Math.abs(y - t[1]) < 14)
        && !points.some(o => o !== p && o.k.share > 0.01 && px(o.x) > x - 4 && px(o.x) < x + wide + 4 && Math.abs(py(o.y) - y + 4) < 10));
      if (!place) continue;
      taken.push([...place, wide]);
      target.append(el('text', { x: place[0], y: place[1], class: 'strong', 'pointer-events': 'none' }, name));
    }
  }
}

// What of the arena is alive while the dispatches run, one after another; the phases lie below.
function drawMemory(home, profile) {
  const { liveBytes, arenaBytes } = profile.memory, width = home.clientWidth, height = 230, left = 70, right = 10, top = 12, bottom = 40;
  const svg = el('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'memory over the run' });
  const px = i => left + (width - left - right) * i / liveBytes.length, py = bytes => height - bottom - (height - top - bottom) * bytes / (arenaBytes * 1.05);
  const unit = nice(arenaBytes / 1048576 / 4) * 1048576;
  for (let v = 0; v <= arenaBytes * 1.05; v += unit) {
    svg.append(el('line', { x1: left, x2: width - right, y1: py(v), y2: py(v), class: 'grid' }), el('text', { x: left - 8, y: py(v) + 4, 'text-anchor': 'end' }, `${+(v / 1048576).toPrecision(3)} MiB`));
  }
  const steps = liveBytes.map((bytes, i) => `L${px(i)} ${py(bytes)} L${px(i + 1)} ${py(bytes)}`).join(' ');
  svg.append(el('path', { d: `M${px(0)} ${py(0)} ${steps} L${px(liveBytes.length)} ${py(0)} Z`, fill: color(0), 'fill-opacity': 0.35, stroke: color(0) }));
  svg.append(el('line', { x1: left, x2: width - right, y1: py(arenaBytes), y2: py(arenaBytes), class: 'roof', 'stroke-dasharray': '5 4' }));
  let start = 0;
  profile.dispatches.forEach((d, i) => {
    const next = profile.dispatches[i + 1];
    svg.append(el('rect', { x: px(d.index), y: top, width: Math.max(0.5, px(d.index + 1) - px(d.index)), height: height - top - bottom, fill: 'transparent',
      'data-tip': `${d.row.name}\n${mib(liveBytes[d.index])} alive` }));
    if (next && next.phase === d.phase) return;
    const [from, to] = [px(start), px(d.index + 1)];
    svg.append(el('line', { x1: from, x2: from, y1: top, y2: height - bottom + 6, class: 'axis' }));
    if (to - from > 7 * d.phase.length) svg.append(el('text', { x: (from + to) / 2, y: height - bottom + 18, 'text-anchor': 'middle' }, d.phase));
    start = d.index + 1;
  });
  home.replaceChildren(svg);
}

// The round number next to v: 1, 2 or 5 times a power of ten.
function nice(v) {
  const power = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 5, 10].map(f => f * power).find(f => f >= v);
}

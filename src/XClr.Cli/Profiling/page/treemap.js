// Areas by time: groups (the first part of a layer's name), and their layers within.
function drawTreemap(home, layers) {
  const width = home.clientWidth, height = width < 600 ? 520 : 440, header = 19;
  const groups = new Map();
  for (const row of layers) {
    const name = row.name.split('.')[0];
    if (!groups.has(name)) groups.set(name, { name, rows: [], value: 0 });
    groups.get(name).rows.push(row);
    groups.get(name).value += row.timeMs.median;
  }
  const svg = el('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'time by layer' });
  const total = [...groups.values()].reduce((sum, g) => sum + g.value, 0);
  const order = [...groups.keys()];
  for (const { item: group, x, y, w, h } of squarify([...groups.values()], { x: 0, y: 0, w: width, h: height })) {
    const inner = h > 40 && w > 40 ? header : 0;
    if (inner) {
      const title = `${group.name} ${percent(group.value / total)}`;
      svg.append(el('text', { x: x + 4, y: y + 14, class: 'group' }, 7.4 * title.length < w ? title : fit(group.name, w - 4, 7.4)));
    }
    const cells = squarify(group.rows.map(row => ({ row, value: row.timeMs.median })), { x: x + 1, y: y + inner, w: Math.max(0, w - 2), h: Math.max(0, h - inner - 2) });
    for (const { item, x: cx, y: cy, w: cw, h: ch } of cells) {
      svg.append(el('rect', { x: cx, y: cy, width: Math.max(0, cw - 1), height: Math.max(0, ch - 1), fill: color(order.indexOf(group.name)), 'fill-opacity': 0.9, 'data-tip': describe(item.row) }));
      const name = item.row.name.split('.').slice(1).join('.') || item.row.name;
      if (ch > 18) svg.append(el('text', { x: cx + 5, y: cy + 14, class: 'cell' }, fit(name, cw - 8, 6.4)));
      if (cw > 60 && ch > 34) svg.append(el('text', { x: cx + 5, y: cy + 29, class: 'cell' }, `${figures(item.row.timeMs.median)} ms`));
    }
  }
  home.replaceChildren(svg);
}

// As much of a text as a width has room for, at so many pixels a letter; nothing where that says little.
function fit(text, width, letter) {
  const room = Math.floor(width / letter);
  return text.length <= room ? text : room >= 4 ? `${text.slice(0, room - 1)}…` : '';
}

// Squarified treemap (Bruls, Huizing and van Wijk): rows are filled along the shorter side as long as that makes their cells squarer.
function squarify(items, space) {
  const sorted = items.filter(i => i.value > 0).sort((a, b) => b.value - a.value), cells = [];
  let rest = sorted.reduce((sum, i) => sum + i.value, 0), { x, y, w, h } = space, at = 0;
  while (at < sorted.length && w > 0 && h > 0) {
    const side = Math.min(w, h), unit = w * h / rest;
    const worst = count => {
      const row = sorted.slice(at, at + count).map(i => i.value * unit), sum = row.reduce((a, b) => a + b, 0), thick = sum / side;
      return Math.max(...row.map(area => Math.max(thick * thick / area, area / (thick * thick))));
    };
    let count = 1;
    while (at + count < sorted.length && worst(count + 1) <= worst(count)) count++;
    const row = sorted.slice(at, at + count), sum = row.reduce((a, i) => a + i.value, 0), thick = sum * unit / side;
    let along = 0;
    for (const item of row) {
      const length = item.value / sum * side;
      cells.push(w >= h ? { item, x, y: y + along, w: thick, h: length } : { item, x: x + along, y, w: length, h: thick });
      along += length;
    }
    if (w >= h) [x, w] = [x + thick, w - thick]; else [y, h] = [y + thick, h - thick];
    [rest, at] = [rest - sum, at + count];
  }
  return cells;
}

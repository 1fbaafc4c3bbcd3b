// A table whose columns sort by a click.
const rowColumns = [
  ['name', r => r.name], ['ms', r => r.timeMs.median, figures], ['min', r => r.timeMs.min, figures], ['max', r => r.timeMs.max, figures], ['wall', r => r.wallMs, figures], ['share', r => r.share, percent], ['calls', r => r.calls],
  ['GFLOP', r => r.flops / 1e9, figures], ['MB', r => r.bytes / 1e6, figures], ['GFLOP/s', r => r.gigaflopsPerSecond, figures], ['GB/s', r => r.gigabytesPerSecond, figures],
  ['of roof', r => r.roofline, percent], ['bound by', r => r.memoryBound ? 'memory' : 'arithmetic'],
];
const compilerColumns = [['registers', r => r.compiler?.registers], ['spills', r => r.compiler?.spills], ['occupancy', r => r.compiler?.occupancy]];
const isolatedColumns = [
  ['kernel', r => r.key], ['shapes', r => r.detail], ['calls', r => r.calls], ['median ms', r => r.timeMs.median, figures], ['min', r => r.timeMs.min, figures], ['max', r => r.timeMs.max, figures],
  ['in the run', r => r.inRunMs, figures], ['GFLOP/s', r => r.gigaflopsPerSecond, figures], ['GB/s', r => r.gigabytesPerSecond, figures], ['of roof', r => r.roofline, percent],
];
const comparedColumns = [
  ['what', r => `${r.what} ${r.name}`], ['before ms', r => r.beforeMs, figures], ['now ms', r => r.afterMs, figures], ['change', r => r.percent, v => `${v > 0 ? '+' : ''}${digits(v, 1)} %`], ['verdict', r => r.verdict],
];

function drawTable(home, rows, columns, sort = null) {
  const shown = sort === null ? rows : [...rows].sort((a, b) => {
    const [x, y] = [a, b].map(columns[sort.column][1]);
    return (sort.down ? -1 : 1) * (typeof x === 'string' ? x.localeCompare(y) : (x ?? -1) - (y ?? -1));
  });
  const head = el('tr');
  columns.forEach(([title], i) => {
    const cell = el('th', { class: 'sortable', tabindex: 0, ...(sort?.column === i ? { 'aria-sort': sort.down ? 'descending' : 'ascending' } : {}) }, title);
    // Numbers are of most interest from the top.
    const turn = () => drawTable(home, rows, columns, { column: i, down: sort?.column === i ? !sort.down : typeof columns[i][1](rows[0]) !== 'string' });
    cell.addEventListener('click', turn);
    cell.addEventListener('keydown', e => { if (e.key === 'Enter') turn(); });
    head.append(cell);
  });
  const body = el('tbody');
  for (const row of shown) {
    body.append(el('tr', {}, ...columns.map(([, value, format]) => {
      const v = value(row);
      return el('td', row.verdict === v ? { class: v } : {}, v == null ? '' : format ? format(v) : String(v));
    })));
  }
  home.replaceChildren(el('table', {}, el('thead', {}, head), body));
}

// What a run's network makes of held-out images: matrices of cosines, nearest images, a map.

// From dark blue over grey to orange; t from 0 to 1. The same on light and dark pages, as pixels have no theme.
const shade = t => [[24, 48, 84], [188, 198, 205], [214, 96, 24]].reduce((rgb, c, i) => rgb.map((v, k) => v + c[k] * Math.max(0, 1 - Math.abs(2 * t - i))), [0, 0, 0]);

function drawMatrix(title, cosines, images, order) {
  const n = order.length, values = cosines.filter((_, i) => i % n !== Math.floor(i / n)).sort((a, b) => a - b);
  const [low, high] = [values[Math.floor(values.length * 0.02)], values[Math.floor(values.length * 0.98)]];
  const canvas = el('canvas', { width: n, height: n, role: 'img', 'aria-label': title }), context = canvas.getContext('2d'), pixels = context.createImageData(n, n);
  cosines.forEach((v, i) => pixels.data.set([...shade(Math.max(0, Math.min(1, (v - low) / (high - low || 1)))), 255], 4 * i));
  context.putImageData(pixels, 0, 0);
  canvas.addEventListener('pointermove', event => {
    const box = canvas.getBoundingClientRect();
    const [i, j] = [event.clientY - box.top, event.clientX - box.left].map((p, k) => Math.max(0, Math.min(n - 1, Math.floor(p / (k ? box.width : box.height) * n))));
    canvas.setAttribute('data-tip', `cosine ${cosines[i * n + j]}\n${label(images[order[i]])}\n${label(images[order[j]])}`);
  });
  const bar = el('i');
  bar.style.background = `linear-gradient(to right, ${[0, 0.5, 1].map(t => `rgb(${shade(t)})`)})`;
  return el('div', {}, el('h3', {}, title), canvas, el('div', { class: 'scale' }, `${+low.toFixed(2)}`, bar, `${+high.toFixed(2)}`));
}

const label = image => [image.class, image.caption].filter(Boolean).join(': ');

function drawGallery(gallery, images) {
  const figure = (i, text) => el('figure', {}, el('img', { src: images[i].picture, alt: label(images[i]), loading: 'lazy' }), el('figcaption', {}, el('b', {}, text), ` ${label(images[i])}`));
  return el('div', { class: 'gallery' }, figure(gallery.image, 'image'), ...gallery.near.map(n => figure(n.row, digits(n.similarity, 3))));
}

function drawMap(home, images, classes) {
  const width = Math.max(280, home.clientWidth), height = Math.min(480, width * 0.75), pad = 12;
  const span = values => [Math.min(...values), Math.max(...values)];
  const [[x0, x1], [y0, y1]] = [span(images.map(i => i.x)), span(images.map(i => i.y))];
  const svg = el('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'map of the images' });
  images.forEach(i => svg.append(el('circle', { cx: pad + (width - 2 * pad) * (i.x - x0) / (x1 - x0 || 1), cy: height - pad - (height - 2 * pad) * (i.y - y0) / (y1 - y0 || 1), r: 5,
    fill: classes.length ? hue(classes.indexOf(i.class), classes.length) : color(0), 'fill-opacity': 0.8, 'data-tip': label(i) })));
  home.replaceChildren(svg);
}

// As many colours as there are classes, neighbours in the list far apart on the wheel.
const hue = (i, n) => n <= 8 ? color(i) : `hsl(${(i * 137.5) % 360} 55% ${[42, 58][i % 2]}%)`;

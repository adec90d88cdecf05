// The planes of the layers, the kernel under the pointer, the table of kernels.
const SVG = "http://www.w3.org/2000/svg";
const data = JSON.parse(byId("kernel-data").textContent);

// Blue below zero, white at zero, red above, as matplotlib's RdBu_r.
const STEPS = ["#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7", "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f"];
const CHANNELS = STEPS.map((step) => [1, 3, 5].map((at) => parseInt(step.slice(at, at + 2), 16)));

function colour(share) {
  const place = (Math.max(-1, Math.min(1, share)) + 1) / 2 * (STEPS.length - 1);
  const below = Math.min(Math.floor(place), STEPS.length - 2);
  const mixed = CHANNELS[below].map((low, n) => Math.round(low + (place - below) * (CHANNELS[below + 1][n] - low)));
  return `rgb(${mixed.join(",")})`;
}

function drawKernel(svg, weights, numbers) {
  const size = data.size;
  const largest = Math.max(...weights.map(Math.abs)) || 1;
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.replaceChildren(...weights.flatMap((weight, n) => {
    const [x, y] = [n % size, Math.floor(n / size)];
    const cell = document.createElementNS(SVG, "rect");
    for (const [key, value] of Object.entries({ x, y, width: 1.01, height: 1.01, fill: colour(weight / largest) })) cell.setAttribute(key, value);
    if (!numbers) return [cell];
    const text = document.createElementNS(SVG, "text");
    const fill = Math.abs(weight / largest) > 0.6 ? "#fff" : "#111";
    const look = { x: x + 0.5, y: y + 0.56, "font-size": 0.2, "text-anchor": "middle", fill };
    for (const [key, value] of Object.entries(look)) text.setAttribute(key, value);
    text.textContent = short(weight);
    return [cell, text];
  }));
}

const short = (value) => (value === 0 ? "0" : Number(value.toPrecision(3)).toString());
const weightsOf = (layer, n) => layer.weights.slice(n * data.size ** 2, (n + 1) * data.size ** 2);

// ---- The planes of the layers.
const canvas = byId("plane");
const pen = canvas.getContext("2d");
const MARGIN = { left: 64, right: 16, top: 16, bottom: 48 };
let points = []; // {x, y in pixels; kernel or named number} of the layer that is shown
let chosen = null;

const layerShown = () => data.layers[byId("plane-layer").selectedIndex];
const clusterOf = (layer, n) => layer[byId("plane-colours").value][n];
const clusterColour = (number) => (number < 0 ? "#888" : data.colours[number % data.colours.length]);

function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step) found.push(Number(tick.toPrecision(6)));
  return found;
}

function mark(context, x, y, number, radius) {
  const shape = Math.floor(Math.max(number, 0) / data.colours.length) % 3;
  context.beginPath();
  if (shape === 0) context.arc(x, y, radius, 0, 2 * Math.PI);
  if (shape === 1) context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  if (shape === 2) { context.moveTo(x, y - radius * 1.3); context.lineTo(x + radius * 1.2, y + radius); context.lineTo(x - radius * 1.2, y + radius); context.closePath(); }
}

function diamond(x, y, radius) {
  pen.beginPath();
  pen.moveTo(x, y - radius); pen.lineTo(x + radius, y); pen.lineTo(x, y + radius); pen.lineTo(x - radius, y); pen.closePath();
}

// Places the points of the layer on the canvas, one scale for both axes, and draws them.
function layOut() {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const { plane } = layerShown();
  points = [];
  if (!plane) { draw(); return; }
  plane.places.forEach((place, kernel) => { if (place) points.push({ at: place, kernel }); });
  if (byId("plane-names").checked) plane.named.forEach((place, named) => points.push({ at: place, named }));
  const ends = [0, 1].map((axis) => points.reduce(([low, high], { at }) => [Math.min(low, at[axis]), Math.max(high, at[axis])], [Infinity, -Infinity]));
  const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
  const scale = 0.94 * Math.min(...ends.map(([low, high], axis) => inner[axis] / Math.max(high - low, 1e-9)));
  const middle = ends.map(([low, high]) => (low + high) / 2);
  const centre = [MARGIN.left + inner[0] / 2, MARGIN.top + inner[1] / 2];
  for (const point of points) {
    point.x = centre[0] + (point.at[0] - middle[0]) * scale;
    point.y = centre[1] - (point.at[1] - middle[1]) * scale;
  }
  layOut.frame = { inner, scale, middle, centre };
  draw();
}

function draw() {
  const { width, height } = canvas.getBoundingClientRect();
  const layer = layerShown();
  pen.clearRect(0, 0, width, height);
  pen.font = "13px system-ui, sans-serif";
  pen.fillStyle = "#333";
  if (!layer.plane) { pen.textAlign = "center"; pen.fillText("Fewer than two kernels are not dead: they span no plane.", width / 2, height / 2); return; }
  drawAxes(layer.plane.explained);
  for (const point of points) {
    if (point.named !== undefined) continue;
    const cluster = clusterOf(layer, point.kernel);
    pen.globalAlpha = 0.6;
    pen.fillStyle = clusterColour(cluster);
    mark(pen, point.x, point.y, cluster, 3.2);
    pen.fill();
  }
  pen.globalAlpha = 1;
  for (const point of points) {
    if (point.named === undefined) continue;
    diamond(point.x, point.y, 5.5);
    pen.fillStyle = "#fff"; pen.fill();
    pen.strokeStyle = "#000"; pen.lineWidth = 1.4; pen.stroke();
  }
  if (chosen && points.includes(chosen)) {
    pen.beginPath();
    pen.arc(chosen.x, chosen.y, 10, 0, 2 * Math.PI);
    pen.strokeStyle = "#000"; pen.lineWidth = 2.5; pen.stroke();
  }
}

function drawAxes(explained) {
  const { inner, scale, middle, centre } = layOut.frame;
  pen.strokeStyle = "#e3e3e3"; pen.lineWidth = 1; pen.fillStyle = "#333";
  const half = [inner[0] / 2 / scale, inner[1] / 2 / scale];
  for (const tick of ticks(middle[0] - half[0], middle[0] + half[0], 7)) {
    const x = centre[0] + (tick - middle[0]) * scale;
    pen.beginPath(); pen.moveTo(x, MARGIN.top); pen.lineTo(x, MARGIN.top + inner[1]); pen.stroke();
    pen.textAlign = "center"; pen.fillText(tick, x, MARGIN.top + inner[1] + 17);
  }
  for (const tick of ticks(middle[1] - half[1], middle[1] + half[1], 6)) {
    const y = centre[1] - (tick - middle[1]) * scale;
    pen.beginPath(); pen.moveTo(MARGIN.left, y); pen.lineTo(MARGIN.left + inner[0], y); pen.stroke();
    pen.textAlign = "right"; pen.fillText(tick, MARGIN.left - 6, y + 4);
  }
  const [first, second] = explained.map((share) => `${(100 * share).toFixed(1)} % of variance`);
  pen.textAlign = "center";
  pen.fillText(`first component, ${first}`, centre[0], MARGIN.top + inner[1] + 38);
  pen.save();
  pen.translate(16, centre[1]);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`second component, ${second}`, 0, 0);
  pen.restore();
}

function choose(point) {
  if (!point || point === chosen) return;
  chosen = point;
  const layer = layerShown();
  draw();
  if (point.named !== undefined) {
    const named = data.named[point.named];
    describe(named.weights, `${named.name}, a named kernel`, [["family", named.family]]);
  } else {
    describeKernel(layer, point.kernel);
  }
}

function describeKernel(layer, n) {
  const nearest = data.texts[layer.nearest[n]];
  describe(weightsOf(layer, n), `${layer.name}, input ${layer.input[n]} to output ${layer.output[n]}`, [
    ["nearest", nearest || "–"],
    ["similarity", layer.similarity[n].toFixed(3)],
    ["operator", data.texts[layer.operator[n]]],
    ["norm", short(layer.norm[n])],
    ["DC energy", layer.dc_energy[n].toFixed(3)],
    ["cluster", layer.cluster[n] < 0 ? "–" : layer.cluster[n]],
    ["canonical cluster", layer.canonical_cluster[n] < 0 ? "–" : layer.canonical_cluster[n]],
  ]);
}

function describe(weights, text, rows) {
  drawKernel(byId("kernel-picture"), weights, true);
  byId("kernel-text").textContent = text;
  byId("kernel-numbers").replaceChildren(...rows.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}

function legend() {
  const layer = layerShown();
  const counts = new Map();
  for (const { kernel } of points) if (kernel !== undefined) counts.set(clusterOf(layer, kernel), (counts.get(clusterOf(layer, kernel)) || 0) + 1);
  const entries = [...counts].sort((a, b) => a[0] - b[0]).map(([cluster, count]) => {
    const entry = element("span");
    const swatch = element("canvas", undefined, { width: 14, height: 14 });
    const context = swatch.getContext("2d");
    context.fillStyle = clusterColour(cluster);
    mark(context, 7, 7, cluster, 5);
    context.fill();
    entry.append(swatch, `cluster ${cluster}: ${count.toLocaleString("en")}`);
    return entry;
  });
  if (byId("plane-names").checked && layer.plane) entries.push(element("span", `◇ named kernels: ${data.named.length}`));
  const dead = layer.dead.length;
  if (dead) entries.push(element("span", `${dead.toLocaleString("en")} dead, not drawn`));
  byId("plane-legend").replaceChildren(...entries);
}

function show() {
  chosen = null;
  layOut();
  legend();
  const last = data.layers.length - 1;
  byId("plane-before").disabled = byId("plane-layer").selectedIndex === 0;
  byId("plane-after").disabled = byId("plane-layer").selectedIndex === last;
}

function chooseNearest(event) {
  let [best, least] = [null, 14 ** 2];
  for (const point of points) { // those drawn later lie above
    const squared = (point.x - event.offsetX) ** 2 + (point.y - event.offsetY) ** 2;
    if (squared <= least) [best, least] = [point, squared];
  }
  choose(best);
}

canvas.addEventListener("pointermove", chooseNearest);
canvas.addEventListener("pointerdown", chooseNearest); // a finger does not hover
canvas.addEventListener("keydown", (event) => {
  const axis = { ArrowLeft: "x", ArrowRight: "x", ArrowUp: "y", ArrowDown: "y" }[event.key];
  if (!axis || !points.length) return;
  event.preventDefault();
  const ordered = [...points].sort((a, b) => a[axis] - b[axis]);
  const step = event.key === "ArrowRight" || event.key === "ArrowDown" ? 1 : -1;
  const at = chosen ? ordered.indexOf(chosen) + step : 0;
  choose(ordered[Math.max(0, Math.min(ordered.length - 1, at))]);
});
for (const [id, step] of [["plane-before", -1], ["plane-after", 1]]) {
  byId(id).addEventListener("click", () => { byId("plane-layer").selectedIndex += step; show(); });
}
byId("plane-layer").addEventListener("change", show);
byId("plane-colours").addEventListener("change", () => { draw(); legend(); });
byId("plane-names").addEventListener("change", show);
window.addEventListener("resize", layOut);
show();

// ---- The table of kernels: a row is made when it is shown.
const PART = 100;
const COLUMNS = [
  ["kernel"],
  ["layer", (l) => l.name],
  ["input", (l, n) => l.input[n], 0],
  ["output", (l, n) => l.output[n], 0],
  ["norm", (l, n) => l.norm[n], 4],
  ["DC energy", (l, n) => l.dc_energy[n], 3],
  ["operator", (l, n) => data.texts[l.operator[n]]],
  ["nearest", (l, n) => data.texts[l.nearest[n]]],
  ["similarity", (l, n) => l.similarity[n], 3],
  ["cluster", (l, n) => (l.cluster[n] < 0 ? "" : l.cluster[n]), 0],
  ["canonical", (l, n) => (l.canonical_cluster[n] < 0 ? "" : l.canonical_cluster[n]), 0],
];
const table = byId("kernel-table");
const all = data.layers.flatMap((layer) => layer.input.map((_, n) => ({ layer, n })));
const textOf = ({ layer, n }) => `${layer.name} ${data.texts[layer.operator[n]]} ${data.texts[layer.nearest[n]]}`.toLowerCase();
let found = all;
let shownRows = 0;

function rowOf({ layer, n }) {
  const row = element("tr");
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("width", 30);
  picture.setAttribute("height", 30);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", weightsOf(layer, n).map(short).join(", "));
  drawKernel(picture, weightsOf(layer, n), false);
  const cell = element("td");
  cell.append(picture);
  row.append(cell, ...COLUMNS.slice(1).map(([, value, digits]) => {
    const content = value(layer, n);
    const text = content === "" ? "–" : digits === undefined ? content : content.toFixed(digits);
    return element("td", text, digits === undefined ? {} : { class: "number" });
  }));
  return row;
}

function more() {
  table.tBodies[0].append(...found.slice(shownRows, shownRows + PART).map(rowOf));
  shownRows = Math.min(shownRows + PART, found.length);
  byId("kernel-count").textContent = `${found.length.toLocaleString("en")} found, ${shownRows.toLocaleString("en")} shown`;
  byId("kernel-more").hidden = shownRows === found.length;
}

function restart() {
  table.tBodies[0].replaceChildren();
  shownRows = 0;
  more();
}

const heads = element("tr");
heads.append(...COLUMNS.slice(1).map(([title, , digits]) => element("th", title, { scope: "col", ...(digits === undefined ? {} : { class: "number" }) })));
table.tHead.append(heads);
sortable(table, (column, sign) => {
  const value = COLUMNS[column + 1][1];
  const keyed = all.map((entry) => [value(entry.layer, entry.n), entry]);
  keyed.sort((a, b) => compare(a[0], b[0], sign));
  all.splice(0, all.length, ...keyed.map(([, entry]) => entry));
  search();
});
heads.prepend(element("th", "kernel", { scope: "col" }));

function search() {
  const words = byId("kernel-search").value.toLowerCase().split(/\s+/);
  found = all.filter((entry) => { const text = textOf(entry); return words.every((word) => text.includes(word)); });
  restart();
}
byId("kernel-search").addEventListener("input", search);
byId("kernel-more").addEventListener("click", more);
search();

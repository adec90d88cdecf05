// The bar above and the column at the side: they show what the page holds, and pass on what is clicked.

import { COLOURS } from "./contours.js";
import { drawCurve } from "./curve.js";
import { css } from "./planes.js";

const WINDOWS = { // level and width, HU
  "Abdomen": [40, 400], "Liver": [60, 160], "Lung": [-600, 1500], "Bone": [400, 1800], "Whole range": null,
};
const SHOWN_PARAMETERS = { // name: text, unit
  curvature: "curvature ε, mm²/s", width: "intensity window ±, HU", spread: "and × its deviation",
  propagation: "speed, mm/s", seconds: "T, s", seed_radius: "seed radius, mm",
};

const find = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

export class Controls {
  constructor(page) {
    this.page = page;
    this.view = page.view;
  }

  open() {
    const { page, view } = this;
    const [depth, height, width] = view.scan.shape;
    const size = [...view.scan.spacing_mm].reverse().map((mm) => +mm.toFixed(3)).join(" × ");
    find("scan-name").textContent = find("scan-name").title = view.scan.name;
    find("scan-size").textContent = `${width} × ${height} × ${depth}, ${size} mm${view.scan.guessed ? " (guessed)" : ""}`;
    document.title = `${view.scan.name} – lsn_tf`;
    for (const [key, title] of Object.entries(view.scan.equations)) {
      find("equations").append(element("button", { textContent: title, title: `Evolve by the equation of ${title}` }));
      find("equations").lastChild.dataset.equation = key;
    }
    for (const kind of ["tool", "equation", "extent", "combination"]) {
      for (const button of document.querySelectorAll(`[data-${kind}]`)) {
        button.setAttribute("role", "radio");
        button.addEventListener("click", () => page.set(kind, button.dataset[kind]));
      }
    }
    for (const button of document.querySelectorAll("[data-layout]")) {
      button.setAttribute("role", "radio");
      button.addEventListener("click", () => page.setLayout(button.dataset.layout));
    }
    for (const name of Object.keys(WINDOWS)) find("window").append(element("option", { textContent: name }));
    find("window").addEventListener("change", () => this.setWindow());
    find("contours").addEventListener("change", (event) => page.set("contours", event.target.checked));
    find("fill").addEventListener("change", (event) => page.set("fill", event.target.value));
    find("opacity").addEventListener("input", (event) => page.set("opacity", event.target.value / 100));
    find("time").addEventListener("input", (event) => page.showFrame(+event.target.value));
    find("play").addEventListener("click", () => page.play());
    find("stop").addEventListener("click", () => page.ask("/stop"));
    find("undo").addEventListener("click", () => page.ask("/undo", { layer: view.selected }));
    find("clear").addEventListener("click", () => page.ask("/clear", { layer: view.selected }));
    find("go-on").addEventListener("click", () => page.evolve({}, "new"));
    find("exports").addEventListener("click", () => { this.selected.saved = this.selected.version; });
    find("help-button").addEventListener("click", () => find("help").showModal());
    for (const [name, text] of Object.entries(SHOWN_PARAMETERS)) this.addParameter(name, text);
    new ResizeObserver(() => this.showEvolution()).observe(find("curve"));
    // A button that keeps the focus would take the keys that are meant for the picture.
    document.querySelector("aside").addEventListener("click", (event) => event.target.closest("button")?.blur());
    document.querySelector("header").addEventListener("click", (event) => event.target.closest("button")?.blur());
  }

  addParameter(name, text) {
    const input = element("input", { type: "number", step: "any", min: 0, value: this.view.scan.parameters[name], id: `parameter-${name}` });
    input.addEventListener("change", () => {
      if (input.value === "" || +input.value === this.view.scan.parameters[name]) delete this.view.parameters[name];
      else this.view.parameters[name] = +input.value;
    });
    find("parameters").lastElementChild.append(element("label", { textContent: text, htmlFor: input.id }), input);
  }

  setWindow() {
    const [low, high] = this.view.scan.range_hu;
    const chosen = WINDOWS[find("window").value];
    this.page.planes.setWindow(...(chosen ? [chosen[0] - chosen[1] / 2, chosen[0] + chosen[1] / 2] : [low, high]));
  }

  say(text) {
    find("message").textContent = text;
    find("message").className = text ? "wrong" : "";
  }

  update() {
    const { view } = this;
    for (const kind of ["tool", "layout", "equation", "extent", "combination"]) {
      for (const button of document.querySelectorAll(`[data-${kind}]`)) {
        button.setAttribute("aria-checked", button.dataset[kind] === view[kind]);
      }
    }
    find("contours").checked = view.contours;
    find("fill").value = view.fill;
    find("opacity").value = Math.round(100 * view.opacity);
    find("jobs").textContent = view.jobs.map(({ title, done, of }) => `${title}: slice ${done} of ${of} …`).join("   ");
    find("parameters").hidden = view.equation !== "lse";
    this.showScale();
    this.showLayers();
    this.showEvolution();
    this.showExports();
    this.showCursor();
  }

  get selected() {
    return this.view.layers.find((layer) => layer.key === this.view.selected);
  }

  showScale() {
    const { view } = this;
    const scale = find("scale");
    const stops = {
      probability: { from: -6, to: 6, marks: ["0", "probability to be inside", "1"] },
      phi: { from: 8, to: -8, marks: ["φ = −8 mm inside", "0", "+8 mm outside"] },
    }[view.fill];
    scale.hidden = !stops;
    scale.nextElementSibling?.remove();
    if (!stops) return;
    const colours = Array.from({ length: 65 }, (_, n) => {
      const mm = stops.from + ((stops.to - stops.from) * n) / 64;
      return css(COLOURS[view.fill](mm, [0, 0, 0], view.scan).slice(0, 3));
    });
    scale.style.background = `linear-gradient(to right, ${colours.join(", ")})`;
    scale.after(element("div", { className: "marks" }, ...stops.marks.map((text) => element("span", { textContent: text }))));
  }

  showLayers() {
    const { page, view } = this;
    const table = find("layers");
    table.classList.toggle("unscored", !view.layers.some((layer) => layer.fixed));
    table.tBodies[0].replaceChildren(...view.layers.map((layer) => {
      const tick = element("input", { type: "checkbox", checked: layer.shown, title: `Show ${layer.title}` });
      tick.addEventListener("click", (event) => event.stopPropagation());
      tick.addEventListener("change", () => page.setShown(layer, tick.checked));
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = css(layer.colour);
      const score = (dice) => element("td", { className: "scored", textContent: layer.fixed || dice === undefined ? "" : dice.toFixed(3) });
      const run = element("td");
      if (layer.network) {
        const job = view.jobs.some((one) => one.title === layer.title);
        const button = element("button", { textContent: "↻", disabled: job, title: `Segment the scan by ${layer.title}` });
        button.addEventListener("click", (event) => {
          event.stopPropagation();
          page.ask("/segment", { layer: layer.key });
        });
        run.append(button);
      }
      const row = element("tr", {},
        element("td", {}, tick), element("td", { className: "title" }, swatch, layer.title),
        score(layer.dice_per_slice?.[Math.round(view.cursor[2])]), score(layer.dice),
        element("td", { textContent: layer.ready ? layer.ml.toFixed(layer.ml < 100 ? 1 : 0) : "–" }), run);
      row.dataset.layer = layer.key;
      row.setAttribute("aria-selected", layer.key === view.selected);
      row.addEventListener("click", () => page.select(layer.key));
      return row;
    }));
    const { selected } = this;
    find("selected-hint").textContent = selected?.fixed
      ? "The reference stays as it is: choose another contour to change."
      : `Clicks and drawings change ${selected?.title}; [ and ] choose another.`;
  }

  showEvolution() {
    const { view } = this;
    const { evolution, layers } = view;
    const layer = layers.find((one) => one.key === evolution?.layer);
    find("time").disabled = !evolution?.reason;
    find("play").disabled = !evolution?.reason;
    find("stop").disabled = !evolution || Boolean(evolution.reason);
    find("undo").disabled = !this.selected?.can_undo;
    find("clear").disabled = !this.selected || this.selected.fixed;
    if (!evolution) {
      find("evolution-title").textContent = "";
      find("time").max = 0;
      find("time-text").textContent = "Choose Seed and click inside the organ, or draw a contour.";
    } else {
      const last = evolution.seconds.length - 1;
      const [first, end] = evolution.slices;
      find("time").max = last;
      find("time").value = evolution.shown;
      const where = end - first === 1 ? `in slice ${first + 1}` : "in space";
      find("evolution-title").textContent = `of ${evolution.equation}, ${where}` + (layer?.key === "yours" ? "" : `, for ${layer?.title}`);
      const why = evolution.reason ? `${evolution.reason}; took ${evolution.wall_seconds.toFixed(1)} s` : "on its way …";
      find("time-text").textContent = `t = ${evolution.seconds[evolution.shown].toFixed(1)} of ${evolution.seconds[last].toFixed(1)} s, frame ${evolution.shown + 1} of ${last + 1}; ${why}`;
    }
    drawCurve(find("curve"), evolution, layer);
  }

  showExports() {
    const { selected } = this;
    find("save-title").textContent = selected?.title ?? "";
    for (const link of find("exports").children) link.href = `/layers/${selected?.key}/${link.dataset.what}.nii.gz`;
  }

  showCursor() {
    const { page, view } = this;
    const [x, y, z] = view.cursor.map(Math.round);
    const [, height, width] = view.scan.shape;
    const mm = view.scan.affine.slice(0, 3).map((row) => row[0] * x + row[1] * y + row[2] * z + row[3]);
    const volume = page.planes.niivue.volumes[0];
    const rows = [
      ["HU", volume ? volume.img[(z * height + y) * width + x] : ""],
      ["slice, row, column", [z + 1, y + 1, x + 1].join(", ")],
      ["R, A, S in mm", mm.map((at) => at.toFixed(1)).join(", ")],
    ];
    const [unit, inside] = [view.scan.unit_mm, view.scan.inside];
    for (const layer of view.layers.filter((one) => one.depths && one.ready)) {
      const depth = layer.depths[(z * height + y) * width + x];
      const phi = inside * (depth - 0.5) * unit;
      const far = Math.abs(phi) > 7.8 ? (phi < 0 ? "< −7.8" : "> 7.8") : phi.toFixed(1).replace("-", "−");
      rows.push([`φ ${layer.title}`, `${far} mm`]);
    }
    find("readout").replaceChildren(...rows.flatMap(([name, value]) => [
      element("dt", { textContent: name }), element("dd", { textContent: value })]));
    if (view.layers.some((layer) => layer.dice_per_slice)) this.showSliceScores(z);
  }

  showSliceScores(z) {
    for (const layer of this.view.layers) {
      const cell = document.querySelector(`[data-layer="${layer.key}"] .scored`);
      if (cell && !layer.fixed) cell.textContent = layer.dice_per_slice?.[z]?.toFixed(3) ?? "";
    }
  }
}

// The page: what it shows, how that follows the server, and what its parts may ask for.

import { Controls } from "./controls.js";
import { takeInput } from "./input.js";
import { Planes } from "./planes.js";
import { getDepths, getJson, post } from "./server.js";
import { Space } from "./space.js";

const BONE_HU = [150, 500]; // from here on, bright from there on
const POLL_MS = 150; // while something is computed
const COLOURS = { reference: [76, 230, 120], mask: [190, 150, 255] };
const OTHER_COLOURS = [[255, 176, 0], [0, 205, 255], [255, 100, 180], [255, 255, 110], [255, 130, 80]];
export const LAYOUTS = ["four", "axial", "side"];

const view = {
  scan: null, layers: [], evolution: null, jobs: [], selected: "yours", cursor: [0, 0, 0],
  tool: "cursor", layout: "four", equation: "lse", extent: "slice", combination: "new", parameters: {},
  overlay: true, contours: true, fill: "mask", opacity: 0.3, cross: true, letters: true, stroke: null,
};

export class Page {
  constructor() {
    this.view = view;
    this.planes = new Planes(view);
    this.space = new Space(view);
    this.controls = new Controls(this);
  }

  async open() {
    view.scan = await getJson("/scan");
    const [depth, height, width] = view.scan.shape;
    view.cursor = [Math.floor(width / 2), Math.floor(height / 2), Math.floor(depth / 2)];
    this.controls.open();
    await this.planes.open();
    this.controls.setWindow();
    this.setLayout("four");
    await this.update(await getJson("/state"));
    this.goToLargestSlice();
    if (view.layers.some((layer) => layer.key === "mask")) this.select("mask"); // it was given to be corrected
    takeInput(this);
    window.addEventListener("beforeunload", (event) => { // the browser asks whether to leave
      if (this.unsaved) event.preventDefault();
    });
    document.getElementById("loading").remove();
    document.body.dataset.ready = "true";
    for (const layer of view.layers.filter((one) => one.network && !one.ready)) this.ask("/segment", { layer: layer.key });
    const [low, high] = view.scan.range_hu;
    await this.space.open(Math.min(BONE_HU[0], low + 0.75 * (high - low)), Math.min(BONE_HU[1], high));
    this.space.refreshLater();
  }

  // Asks for a change, and shows the state after it, or in one line why not.
  async ask(address, asked) {
    this.say("");
    try {
      await this.update(await post(address, asked));
      return true;
    } catch (error) {
      this.say(error.message);
      return false;
    }
  }

  say(text) {
    this.controls.say(text);
  }

  // Takes over a state: new layers are fetched whole, the one that evolves by the slices that are solved.
  async update(state) {
    if (state.messages > (view.messages ?? state.messages)) this.say(state.message);
    Object.assign(view, { evolution: state.evolution, jobs: state.jobs, messages: state.messages });
    view.layers = state.layers.map((layer, n) => {
      const known = view.layers.find((one) => one.key === layer.key);
      const colour = known?.colour ?? COLOURS[layer.key] ?? OTHER_COLOURS[n % OTHER_COLOURS.length];
      return Object.assign(known ?? { shown: true, drawn: -1, colour }, layer);
    });
    const stale = view.layers.filter((layer) => layer.drawn !== layer.version && (layer.ready || !layer.depths));
    await Promise.all(stale.map((layer) => this.fetchLayer(layer)));
    this.controls.update();
    if (stale.length) {
      this.planes.draw();
      this.space.refreshLater();
    }
    if ((view.jobs.length || (view.evolution && !view.evolution.reason)) && !this.timer) {
      this.timer = setTimeout(() => this.poll(), POLL_MS);
    }
  }

  async poll() {
    try {
      const state = await getJson("/state");
      this.timer = null;
      await this.update(state);
    } catch (error) {
      this.timer = null;
      this.say(`The server does not answer: ${error.message}`);
    }
  }

  async fetchLayer(layer) {
    const { evolution } = view;
    const version = layer.version;
    if (layer.depths && evolution?.layer === layer.key && layer.known === evolution.number) {
      try {
        const depths = await getDepths(`/evolutions/${evolution.number}/${evolution.shown}`);
        layer.depths.set(depths, evolution.slices[0] * view.scan.shape[1] * view.scan.shape[2]);
        layer.drawn = version;
        return;
      } catch { /* it is over: fetched whole below */ }
    }
    layer.depths = await getDepths(`/layers/${layer.key}/depth`);
    layer.known = evolution?.layer === layer.key ? evolution.number : null;
    layer.drawn = version;
  }

  // Starts at the slice in which most is marked.
  goToLargestSlice() {
    const given = view.layers.find((layer) => layer.fixed) ?? view.layers.find((layer) => layer.key === "mask");
    if (!given) return;
    const size = view.scan.shape[1] * view.scan.shape[2];
    const counts = Array.from({ length: view.scan.shape[0] }, (_, z) =>
      given.depths.subarray(z * size, (z + 1) * size).reduce((sum, depth) => sum + (depth > 0), 0));
    const z = counts.indexOf(Math.max(...counts));
    let [x, y, count] = [0, 0, 0];
    given.depths.subarray(z * size, (z + 1) * size).forEach((depth, n) => {
      if (depth > 0) [x, y, count] = [x + (n % view.scan.shape[2]), y + Math.floor(n / view.scan.shape[2]), count + 1];
    });
    if (count) this.moveTo([Math.round(x / count), Math.round(y / count), z]);
  }

  moveTo(voxel) {
    const [depth, height, width] = view.scan.shape;
    view.cursor = voxel.map((at, axis) => Math.min(Math.max(at, 0), [width, height, depth][axis] - 1));
    this.planes.draw();
    this.controls.showCursor();
  }

  set(name, value) {
    view[name] = value;
    this.controls.update();
    this.planes.draw();
    if (name === "overlay") this.space.refreshLater();
  }

  setLayout(layout) {
    view.layout = layout;
    document.getElementById("space-frame").hidden = layout !== "four";
    this.planes.setLayout();
    this.controls.update();
    this.planes.draw();
    this.space.refreshLater();
  }

  select(key) {
    view.combination = key === "yours" ? "new" : "add"; // a contour that was given is corrected
    this.set("selected", key);
    this.space.refreshLater();
  }

  // Whether a contour has changes that have not been downloaded.
  get unsaved() {
    return view.layers.some((layer) => layer.can_undo && layer.saved !== layer.version);
  }

  setShown(layer, shown) {
    layer.shown = shown;
    this.controls.update();
    this.planes.draw();
    this.space.refreshLater();
  }

  evolve(marks, combination = view.combination) {
    return this.ask("/evolve", {
      layer: view.selected, equation: view.equation, space: view.extent === "space", combination,
      slice: Math.round(view.cursor[2]), parameters: view.parameters, ...marks,
    });
  }

  // Shows a frame of phi(t); of many that are asked for while one is fetched, the last.
  async showFrame(frame) {
    const { evolution } = view;
    if (!evolution?.reason || frame < 0 || frame >= evolution.seconds.length) return;
    this.wanted = frame;
    if (this.fetching) return;
    this.fetching = true;
    while (this.wanted !== null) {
      const next = this.wanted;
      this.wanted = null;
      await this.ask("/show", { number: evolution.number, frame: next });
    }
    this.fetching = false;
  }

  async play() {
    const { evolution } = view;
    if (!evolution?.reason || this.playing) {
      this.playing = false;
      return;
    }
    this.playing = true;
    const last = evolution.seconds.length - 1;
    for (let frame = evolution.shown === last ? 0 : evolution.shown; frame <= last && this.playing; frame++) {
      if (view.evolution?.number !== evolution.number) break;
      await this.showFrame(frame);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    this.playing = false;
  }
}

const page = new Page();
window.page = page; // for the console, and for tests
page.open().catch((error) => {
  document.getElementById("loading").textContent = `The scan cannot be shown: ${error.message}`;
  throw error;
});

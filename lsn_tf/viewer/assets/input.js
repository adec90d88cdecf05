// Mouse and keys, as ITK-SNAP has them.

import { LAYOUTS } from "./main.js";

const LEAST_MOVE = 0.7; // voxels between two corners of an outline
const NORMAL = { axial: 2, coronal: 1, sagittal: 0 };

export function takeInput(page) {
  new Mouse(page).listen();
  document.addEventListener("keydown", (event) => press(page, event));
}

class Mouse {
  constructor(page) {
    this.page = page;
    this.view = page.view;
    this.planes = page.planes;
  }

  listen() {
    const { canvas } = this.planes;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  down(event) {
    const place = this.planes.at(event.clientX, event.clientY);
    if (!place) return;
    document.activeElement?.blur();
    this.planes.canvas.setPointerCapture(event.pointerId);
    const left = event.altKey ? "pan" : this.view.tool;
    this.doing = { action: [left, "pan", "zoom"][event.button] ?? null, place, y: event.clientY };
    if (this.doing.action === "cursor") this.page.moveTo(place.voxel.map(Math.round));
    if (this.doing.action === "contour") {
      if (place.plane !== "axial") return this.refuse("Contours are drawn on an axial slice.");
      this.view.stroke = [place.voxel.slice(0, 2)];
    }
  }

  move(event) {
    const place = this.planes.at(event.clientX, event.clientY);
    if (!this.doing || !place) return;
    const { action } = this.doing;
    if (action === "cursor" && place.tile === this.doing.place.tile) this.page.moveTo(place.voxel.map(Math.round));
    if (action === "pan" && place.tile === this.doing.place.tile) {
      this.planes.pan(this.doing.place, place);
      this.doing.place = this.planes.at(event.clientX, event.clientY) ?? place;
    }
    if (action === "zoom") {
      this.planes.zoom(Math.exp((this.doing.y - event.clientY) / 150));
      this.doing.y = event.clientY;
    }
    if (this.view.stroke && place.tile === this.doing.place.tile) {
      const [x, y] = this.inside(place.voxel);
      const [x0, y0] = this.view.stroke.at(-1);
      if (Math.hypot(x - x0, y - y0) > LEAST_MOVE) this.view.stroke.push([x, y]);
      this.planes.draw();
    }
  }

  up(event) {
    const { doing } = this;
    const { stroke } = this.view;
    this.cancel();
    if (!doing) return;
    const combination = event.shiftKey ? "add" : event.ctrlKey || event.metaKey ? "remove" : this.view.combination;
    if (doing.action === "seed") {
      const point = this.inside(doing.place.voxel);
      this.page.moveTo(point.map(Math.round));
      this.page.evolve({ points: [point], slice: Math.round(point[2]) }, combination);
    }
    if (doing.action === "contour" && stroke) {
      if (stroke.length < 3) return this.refuse("Keep the button down and draw around the organ.");
      this.page.evolve({ outline: stroke }, combination);
    }
  }

  cancel() {
    this.doing = null;
    this.view.stroke = null;
    this.planes.draw();
  }

  refuse(text) {
    this.cancel();
    this.page.say(text);
  }

  inside(voxel) {
    const [depth, height, width] = this.view.scan.shape;
    return voxel.map((at, axis) => Math.min(Math.max(at, 0), [width, height, depth][axis] - 1));
  }

  wheel(event) {
    event.preventDefault();
    const place = this.planes.at(event.clientX, event.clientY);
    if (!place || !event.deltaY) return;
    if (event.ctrlKey) return this.planes.zoom(Math.exp(-event.deltaY / 500));
    scroll(this.page, place.plane, (event.deltaY < 0 ? 1 : -1) * (event.shiftKey ? 5 : 1));
  }
}

function scroll(page, plane, count) {
  const voxel = [...page.view.cursor].map(Math.round);
  voxel[NORMAL[plane]] += plane === "axial" ? count : -count; // up goes to the head, to the front, to the right
  page.moveTo(voxel);
}

function press(page, event) {
  const { view } = page;
  const typing = event.target.closest?.("input[type=number], input[type=text], select, dialog[open]");
  if (typing || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") {
      event.preventDefault();
      page.ask("/undo", { layer: view.selected });
    }
    return;
  }
  const action = actions(page, event)[key];
  if (!action) return;
  event.preventDefault();
  action();
}

function actions(page, event) {
  const { view, planes } = page;
  const far = event.shiftKey ? 5 : 1;
  const plane = planes.pointedPlane();
  const [u, v] = { axial: [0, 1], coronal: [0, 2], sagittal: [1, 2] }[plane];
  const move = (axis, by) => () => page.moveTo(view.cursor.map((at, n) => Math.round(at) + (n === axis ? by * far : 0)));
  const [right, down] = planes.directions(plane);
  const fade = (by) => () => page.set("opacity", Math.min(Math.max(Math.round(100 * view.opacity + by), 0), 100) / 100);
  const other = (by) => () => {
    const keys = view.layers.map((layer) => layer.key);
    page.select(keys[(keys.indexOf(view.selected) + by + keys.length) % keys.length]);
  };
  return {
    1: () => page.set("tool", "cursor"), 2: () => page.set("tool", "pan"), 3: () => page.set("tool", "contour"),
    4: () => page.set("tool", "seed"), 5: () => page.set("tool", "seed"),
    a: fade(-5), d: fade(5), s: () => page.set("overlay", !view.overlay),
    x: () => {
      if (!event.shiftKey) view.letters = !view.cross;
      page.set("cross", !view.cross);
    },
    c: () => planes.centre(), r: () => planes.reset(), "[": other(-1), "]": other(1),
    "\\": () => page.setLayout(view.layout === "side" ? "four" : "side"),
    v: () => page.setLayout(LAYOUTS[(LAYOUTS.indexOf(view.layout) + 1) % LAYOUTS.length]),
    ArrowLeft: move(u, -right), ArrowRight: move(u, right), ArrowUp: move(v, -down), ArrowDown: move(v, down),
    PageUp: () => scroll(page, plane, far), PageDown: () => scroll(page, plane, -far),
    ",": () => page.showFrame(view.evolution?.shown - 1), ".": () => page.showFrame(view.evolution?.shown + 1),
    p: () => page.play(), e: () => page.evolve({}, "new"), Escape: () => page.ask("/stop"),
    "?": () => document.getElementById("help").showModal(),
  };
}

// The planes: NiiVue draws the slices of the scan, a canvas over it the contours, the cursor and the letters.

import { colourTable, contourPath, filledPicture, sliceOf } from "./contours.js";

const { Niivue, SLICE_TYPE } = window.niivue;
const PLANES = ["axial", "coronal", "sagittal"]; // NiiVue's numbers 0, 1, 2
const AXES = { axial: [0, 1], coronal: [0, 2], sagittal: [1, 2] }; // of (x, y, z), along rows and columns of a slice
const LETTERS = [["R", "L"], ["A", "P"], ["I", "S"]]; // where x, y, z begin and end
const FOUR = [["axial", 0, 0], ["sagittal", 0.5, 0], ["coronal", 0.5, 0.5]];
const GAP = 0.002;

export class Planes {
  constructor(view) {
    this.view = view; // what the page shows: scan, layers, layout, options
    this.canvas = document.getElementById("drawing");
    this.context = this.canvas.getContext("2d");
    this.cache = new Map();
    this.niivue = new Niivue({
      backColor: [0, 0, 0, 1], crosshairWidth: 0, isRadiologicalConvention: true, isOrientationTextVisible: false,
      isColorbar: false, dragAndDropEnabled: false, sagittalNoseLeft: true, isResizeCanvas: true, logLevel: "error",
      multiplanarForceRender: false,
    });
  }

  async open() {
    await this.niivue.attachTo("planes");
    const draw = this.niivue.drawScene.bind(this.niivue);
    this.niivue.drawScene = (...args) => {
      const drawn = draw(...args);
      this.drawOver();
      return drawn;
    };
    await this.niivue.loadVolumes([{ url: "/scan.nii", colormap: "gray" }]);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.canvas.addEventListener("pointermove", ({ clientX, clientY }) => (this.pointed = [clientX, clientY]));
  }

  setWindow(low, high) {
    const volume = this.niivue.volumes[0];
    [volume.cal_min, volume.cal_max] = [low, high];
    this.niivue.updateGLVolume();
  }

  setLayout() {
    const tiles = this.panels().map(({ plane, box: [left, top, width, height] }) => ({
      sliceType: PLANES.indexOf(plane), position: [left + GAP, top + GAP, width - 2 * GAP, height - 2 * GAP],
    }));
    this.niivue.setCustomLayout(tiles);
  }

  // The panels of the layout: their plane, their place, and the layers that they show.
  panels() {
    const { layout, layers } = this.view;
    const shown = layers.filter((layer) => layer.shown && layer.depths);
    if (layout === "axial") return [{ plane: "axial", box: [0, 0, 1, 1], layers: shown }];
    if (layout === "four") return FOUR.map(([plane, left, top]) => ({ plane, box: [left, top, 0.5, 0.5], layers: shown }));
    const columns = Math.ceil(Math.sqrt(Math.max(layers.length, 1)));
    const rows = Math.ceil(layers.length / columns);
    return layers.map((layer, n) => ({
      plane: "axial", title: layer,
      box: [(n % columns) / columns, Math.floor(n / columns) / rows, 1 / columns, 1 / rows],
      layers: layer.depths ? [layer, ...shown.filter((other) => other.fixed && other !== layer)] : [],
    }));
  }

  // The cursor as a voxel (x, y, z), and the way of NiiVue to say it: shares of the picture, from right, front and foot.
  shares(voxel) {
    const [depth, height, width] = this.view.scan.shape;
    return [1 - (voxel[0] + 0.5) / width, 1 - (voxel[1] + 0.5) / height, (voxel[2] + 0.5) / depth];
  }

  voxel(shares) {
    const [depth, height, width] = this.view.scan.shape;
    return [(1 - shares[0]) * width - 0.5, (1 - shares[1]) * height - 0.5, shares[2] * depth - 0.5];
  }

  // Which panel is at a point of the canvas (CSS pixels), and the voxel there; null where there is none.
  at(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.canvas.width / box.width;
    const [x, y] = [(clientX - box.left) * scale, (clientY - box.top) * scale];
    const tile = this.niivue.screenSlices.findIndex(({ leftTopWidthHeight: [left, top, width, height] }) =>
      x >= left && y >= top && x < left + width && y < top + height);
    if (tile < 0) return null;
    const shares = this.niivue.screenXY2TextureFrac(x, y, tile, false);
    return { tile, plane: PLANES[this.niivue.screenSlices[tile].axCorSag], voxel: this.voxel(shares), x, y };
  }

  // The plane under the pointer, the axial one where it is elsewhere.
  pointedPlane() {
    return this.pointed && this.at(...this.pointed)?.plane || "axial";
  }

  // Whether voxels grow (1) or fall (-1) to the right and downwards in a plane.
  directions(plane) {
    const tile = this.niivue.screenSlices.findIndex((slice) => PLANES[slice.axCorSag] === plane);
    const { a, d } = this.transform(tile, plane);
    return [Math.sign(a), Math.sign(d)];
  }

  // Draws at the next frame of the screen, however often it is asked for.
  draw() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      this.niivue.scene.crosshairPos = this.shares(this.view.cursor);
      this.niivue.drawScene();
    });
  }

  zoom(factor) {
    const pan = [...this.niivue.scene.pan2Dxyzmm];
    const zoom = Math.min(Math.max(pan[3] * factor, 0.3), 30);
    const mm = this.niivue.frac2mm(this.shares(this.view.cursor));
    for (let axis = 0; axis < 3; axis++) pan[axis] += (pan[3] - zoom) * mm[axis];
    pan[3] = zoom;
    this.niivue.setPan2Dxyzmm(pan);
  }

  pan(from, to) {
    const pan = [...this.niivue.scene.pan2Dxyzmm];
    const [a, b] = [from, to].map((place) => this.niivue.frac2mm(this.shares(place.voxel)));
    for (const axis of AXES[from.plane]) pan[axis] += pan[3] * (b[axis] - a[axis]);
    this.niivue.setPan2Dxyzmm(pan);
  }

  centre() {
    const [x, y, z, zoom] = [...this.niivue.frac2mm(this.shares(this.view.cursor)).slice(0, 3), this.niivue.scene.pan2Dxyzmm[3]];
    this.niivue.setPan2Dxyzmm([-x * zoom, -y * zoom, -z * zoom, zoom]);
  }

  reset() {
    this.niivue.setPan2Dxyzmm([0, 0, 0, 1]);
  }

  // The transform from the voxels of a slice to the pixels of its panel.
  transform(tile, plane) {
    const [left, top, width, height] = this.niivue.screenSlices[tile].leftTopWidthHeight;
    const place = (x, y) => this.voxel(this.niivue.screenXY2TextureFrac(x, y, tile, false));
    const [x0, y0, x1, y1] = [left + width / 4, top + height / 4, left + (3 * width) / 4, top + (3 * height) / 4];
    const [start, right, down] = [place(x0, y0), place(x1, y0), place(x0, y1)];
    const [u, v] = AXES[plane];
    const pixels = new DOMMatrix([
      (right[u] - start[u]) / (x1 - x0), (right[v] - start[v]) / (x1 - x0),
      (down[u] - start[u]) / (y1 - y0), (down[v] - start[v]) / (y1 - y0), 0, 0,
    ]);
    return new DOMMatrix().translate(x0, y0).multiply(pixels.inverse()).translate(-start[u], -start[v]);
  }

  drawOver() {
    const { niivue, canvas, context, view } = this;
    if (!view.scan || !niivue.volumes.length) return;
    const scale = niivue.uiData.dpr || 1;
    if (canvas.width !== niivue.canvas.width || canvas.height !== niivue.canvas.height) {
      [canvas.width, canvas.height] = [niivue.canvas.width, niivue.canvas.height];
    }
    context.reset();
    const panels = this.panels();
    niivue.screenSlices.forEach(({ leftTopWidthHeight: box }, tile) => {
      const panel = panels[tile];
      if (!panel) return;
      context.save();
      context.beginPath();
      context.rect(...box);
      context.clip();
      const transform = this.transform(tile, panel.plane);
      if (view.overlay) this.drawLayers(panel, transform, scale);
      if (view.stroke && panel.plane === "axial") this.drawStroke(transform, scale);
      if (view.cross) this.drawCross(panel, box, transform, scale);
      if (view.letters) this.drawLetters(panel, box, transform, scale);
      if (panel.title) this.drawTitle(panel.title, box, scale);
      context.restore();
    });
  }

  drawLayers(panel, transform, scale) {
    const { context, view } = this;
    const [depth, height, width] = view.scan.shape;
    const sizes = [width, height, depth];
    const [columns, rows] = AXES[panel.plane].map((axis) => sizes[axis]);
    const number = Math.round(view.cursor[{ axial: 2, coronal: 1, sagittal: 0 }[panel.plane]]);
    const filled = panel.title || panel.layers.find((layer) => layer.key === view.selected);
    for (const layer of panel.layers) {
      const slice = () => sliceOf(layer.depths, view.scan.shape, panel.plane, number);
      const place = [layer.key, layer.drawn, panel.plane, number].join(" ");
      if (layer === filled && view.fill !== "none" && view.opacity > 0) {
        const picture = this.cached(`${place} ${view.fill}`, () =>
          filledPicture(slice(), columns, rows, colourTable(view.fill, layer.colour, view.scan)));
        context.globalAlpha = view.opacity;
        context.setTransform(transform.translate(-0.5, -0.5));
        context.drawImage(picture, 0, 0);
        context.globalAlpha = 1;
      }
      if (!view.contours) continue;
      const path = new Path2D();
      path.addPath(this.cached(place, () => contourPath(slice(), columns, rows)), transform);
      context.resetTransform();
      const aside = panel.title && layer !== panel.title; // the reference in another layer's panel
      context.setLineDash(aside ? [4 * scale, 3 * scale] : []);
      context.lineCap = "round";
      for (const [style, line] of [["rgb(0 0 0 / 55%)", 3.4], [css(layer.colour), layer.key === view.selected && !panel.title ? 2.2 : 1.6]]) {
        context.strokeStyle = style;
        context.lineWidth = line * scale;
        context.stroke(path);
      }
      context.setLineDash([]);
    }
    context.resetTransform();
  }

  cached(key, make) {
    if (!this.cache.has(key)) {
      if (this.cache.size > 400) this.cache.clear();
      this.cache.set(key, make());
    }
    return this.cache.get(key);
  }

  drawStroke(transform, scale) {
    const { context, view } = this;
    const corners = view.stroke.map(([x, y]) => transform.transformPoint({ x, y }));
    context.beginPath();
    for (const { x, y } of corners) context.lineTo(x, y);
    context.closePath();
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5 * scale;
    context.setLineDash([5 * scale, 4 * scale]);
    context.stroke();
    context.setLineDash([]);
  }

  drawCross(panel, [left, top, width, height], transform, scale) {
    const { context, view } = this;
    const [u, v] = AXES[panel.plane].map((axis) => view.cursor[axis]);
    const { x, y } = transform.transformPoint({ x: u, y: v });
    const gap = 7 * scale;
    context.beginPath();
    for (const [x0, y0, x1, y1] of [
      [left, y, x - gap, y], [x + gap, y, left + width, y], [x, top, x, y - gap], [x, y + gap, x, top + height],
    ]) {
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
    context.strokeStyle = "rgb(110 170 255 / 75%)";
    context.lineWidth = scale;
    context.stroke();
  }

  drawLetters(panel, [left, top, width, height], transform, scale) {
    const { context } = this;
    const [u, v] = AXES[panel.plane];
    // Where the axis that runs along the picture's width, or height, ends: read off the transform, not assumed.
    const across = LETTERS[u].slice(), down = LETTERS[v].slice();
    if (transform.a < 0) across.reverse();
    if (transform.d < 0) down.reverse();
    context.font = `600 ${13 * scale}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    const write = (text, x, y, align) => outlined(context, text, x, y, align, "#cfd6e0", scale);
    write(across[0], left + 8 * scale, top + height / 2, "left");
    write(across[1], left + width - 8 * scale, top + height / 2, "right");
    write(down[0], left + width / 2, top + 12 * scale, "center");
    write(down[1], left + width / 2, top + height - 12 * scale, "center");
    const count = [...this.view.scan.shape].reverse();
    const axis = 3 - u - v;
    context.font = `${12 * scale}px system-ui, sans-serif`;
    if (!panel.title) {
      write(`${panel.plane} ${Math.round(this.view.cursor[axis]) + 1} / ${count[axis]}`, left + 10 * scale, top + 15 * scale, "left");
    }
  }

  drawTitle(layer, [left, top], scale) {
    const { context, view } = this;
    const dice = layer.dice_per_slice?.[Math.round(view.cursor[2])];
    const score = layer.fixed || dice === undefined ? "" : `Dice ${dice.toFixed(3)}`;
    context.textBaseline = "middle";
    context.font = `600 ${14 * scale}px system-ui, sans-serif`;
    [layer.title, layer.ready ? score : "not computed yet"].forEach((text, line) =>
      outlined(context, text, left + 10 * scale, top + (16 + 18 * line) * scale, "left", css(layer.colour), scale));
  }
}

export function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

function outlined(context, text, x, y, align, colour, scale) {
  context.textAlign = align;
  context.lineWidth = 3 * scale;
  context.lineJoin = "round";
  context.strokeStyle = "rgb(0 0 0 / 80%)";
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

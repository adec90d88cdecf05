// The view in space: NiiVue draws the bones of a coarse scan, and the front of each contour as a surface.

const { Niivue, NVMesh, SLICE_TYPE } = window.niivue;
const LATER_MS = 500; // after the last change

export class Space {
  constructor(view) {
    this.view = view;
    this.shown = new Map(); // layer key: { version, mesh }
    this.niivue = new Niivue({
      backColor: [0.05, 0.06, 0.075, 1], show3Dcrosshair: false, isOrientationTextVisible: false, isColorbar: false,
      dragAndDropEnabled: false, logLevel: "error", isOrientCube: true, clipPlaneHotKey: "", viewModeHotKey: "",
      meshXRay: 0.3,
    });
  }

  async open(low, high) {
    await this.niivue.attachTo("space");
    this.niivue.setSliceType(SLICE_TYPE.RENDER);
    await this.niivue.loadVolumes([{ url: "/coarse.nii", colormap: "gray", cal_min: low, cal_max: high }]);
    this.niivue.setRenderAzimuthElevation(160, 12);
    this.niivue.setScale(1.4);
  }

  // Brings the surfaces up to date, once nothing has changed for a while.
  refreshLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), LATER_MS);
  }

  async refresh() {
    if (this.view.layout !== "four" || this.busy) return;
    this.busy = true;
    let changed = false;
    const chosen = this.chosen();
    for (const layer of this.view.layers) {
      const wanted = layer === chosen && this.view.overlay ? layer.version : null;
      const old = this.shown.get(layer.key);
      if ((old?.version ?? null) === wanted) continue;
      changed = true;
      if (old?.mesh) this.niivue.removeMesh(old.mesh);
      this.shown.delete(layer.key);
      if (wanted !== null) this.shown.set(layer.key, { version: wanted, mesh: await this.surface(layer, wanted) });
    }
    document.getElementById("space-note").textContent = chosen ? `surface of ${chosen.title}` : "";
    if (changed) this.niivue.drawScene();
    this.busy = false;
  }

  // One surface at a time: the chosen contour's, or that of the first which has one.
  chosen() {
    const seen = this.view.layers.filter((layer) => layer.shown && layer.ready && layer.ml > 0);
    return seen.find((layer) => layer.key === this.view.selected) ?? seen[0];
  }

  async surface(layer, version) {
    const answer = await fetch(`/layers/${layer.key}/${version}/surface.mz3`);
    if (answer.status !== 200) return null; // nothing is inside
    const mesh = await NVMesh.readMesh(
      await answer.arrayBuffer(), `${layer.key}.mz3`, this.niivue.gl, 1, new Uint8Array([...layer.colour, 255]));
    this.niivue.addMesh(mesh);
    return mesh;
  }
}

// Lines and pictures of one slice: depths (see depths.py) on a grid of columns x rows, in voxels, centres at whole numbers.

const LEVEL = 0.5; // between the deepest outside, 0, and the shallowest inside, 1

// The zero contour of phi by marching squares, straight in each cell.
export function contourPath(depths, columns, rows) {
  const path = new Path2D();
  for (let y = 0; y + 1 < rows; y++) {
    for (let x = 0; x + 1 < columns; x++) {
      const at = y * columns + x;
      const corners = [depths[at], depths[at + 1], depths[at + columns + 1], depths[at + columns]];
      const inside = corners.map((depth) => depth > LEVEL);
      const crossings = [];
      for (let side = 0; side < 4; side++) {
        const next = (side + 1) % 4;
        if (inside[side] === inside[next]) continue;
        const share = (LEVEL - corners[side]) / (corners[next] - corners[side]);
        crossings.push([
          [x + share, y], [x + 1, y + share], [x + 1 - share, y + 1], [x, y + 1 - share],
        ][side]);
      }
      // Of the two ways through a saddle, the one that the mean of its corners tells.
      if (crossings.length === 4 && (corners[0] + corners[1] + corners[2] + corners[3] > 4 * LEVEL) === inside[0]) {
        crossings.push(crossings.shift());
      }
      for (let n = 0; n < crossings.length; n += 2) {
        path.moveTo(...crossings[n]);
        path.lineTo(...crossings[n + 1]);
      }
    }
  }
  return path;
}

// A picture of a slice, coloured by a table of 256 colours (r, g, b, a), one for each depth from -128.
export function filledPicture(depths, columns, rows, table) {
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(columns, rows);
  const words = new Uint32Array(picture.data.buffer);
  const colours = new Uint32Array(table.buffer);
  for (let n = 0; n < words.length; n++) words[n] = colours[depths[n] + 128];
  context.putImageData(picture, 0, 0);
  return canvas;
}

// The table of colours of a way to fill.
export function colourTable(fill, colour, scan) {
  const table = new Uint8ClampedArray(4 * 256);
  for (let n = 0; n < 256; n++) {
    const mm = (n - 128 - LEVEL) * scan.unit_mm; // inside the contour
    table.set(COLOURS[fill](mm, colour, scan), 4 * n);
  }
  return table;
}

export const COLOURS = {
  mask: (mm, colour) => [...colour, mm > 0 ? 255 : 0],
  probability: (mm, _, scan) => {
    const share = 1 / (1 + Math.exp(-mm / scan.occupancy_width_mm));
    return [...ramp(PLASMA, share), share < 0.02 ? 0 : 255];
  },
  phi: (mm) => [...ramp(mm > 0 ? WARM : COLD, Math.min(Math.abs(mm) / BAND_MM, 1)), mm < -BAND_MM ? 0 : 255],
};

const BAND_MM = 7.8; // where depths are cut
const PLASMA = [[13, 8, 135], [126, 3, 168], [204, 71, 120], [248, 149, 64], [240, 249, 33]];
const WARM = [[255, 226, 190], [214, 70, 20]];
const COLD = [[190, 222, 255], [30, 70, 200]];

// The colour at a share of the way through some colours.
function ramp(colours, share) {
  const place = share * (colours.length - 1);
  const first = Math.min(Math.floor(place), colours.length - 2);
  return colours[first].map((low, n) => low + (place - first) * (colours[first + 1][n] - low));
}

// One slice out of a volume of depths, (slices, height, width): plane "axial", "coronal" or "sagittal".
export function sliceOf(depths, [slices, height, width], plane, number) {
  if (plane === "axial") return depths.subarray(number * height * width, (number + 1) * height * width);
  const columns = plane === "coronal" ? width : height;
  const found = new Int8Array(slices * columns);
  for (let z = 0; z < slices; z++) {
    for (let n = 0; n < columns; n++) {
      const [y, x] = plane === "coronal" ? [number, n] : [n, number];
      found[z * columns + n] = depths[(z * height + y) * width + x];
    }
  }
  return found;
}

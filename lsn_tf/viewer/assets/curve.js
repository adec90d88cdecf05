// The curve below the slider: the volume over t, and Dice where there is a reference.

const VOLUME = "#9aa6b5", DICE = "#4ce678", NOW = "#4c9dff";

export function drawCurve(canvas, evolution) {
  const scale = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [canvas.clientWidth * scale, 54 * scale];
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const [width, height] = [canvas.clientWidth, 54];
  canvas.hidden = !evolution || evolution.seconds.length < 2;
  if (canvas.hidden) return;
  const { seconds, ml, dice, shown } = evolution;
  const last = Math.max(seconds.at(-1), 1e-9);
  const [left, right, top, bottom] = [2, width - 2, 15, height - 4];
  const x = (t) => left + ((right - left) * t) / last;
  const line = (values, most, colour) => {
    context.beginPath();
    values.forEach((value, n) => context.lineTo(x(seconds[n]), bottom - ((bottom - top) * value) / most));
    context.strokeStyle = colour;
    context.lineWidth = 1.6;
    context.stroke();
  };
  context.fillStyle = "#14171c";
  context.fillRect(0, top - 3, width, bottom - top + 6);
  line(ml, Math.max(...ml, 1e-9), VOLUME);
  if (dice) line(dice, 1, DICE);
  context.beginPath();
  context.moveTo(x(seconds[shown]), top - 3);
  context.lineTo(x(seconds[shown]), bottom + 3);
  context.strokeStyle = NOW;
  context.lineWidth = 1.5;
  context.stroke();
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "top";
  context.fillStyle = VOLUME;
  context.fillText(`volume ${ml[shown].toFixed(1)} ml`, left, 0);
  if (!dice) return;
  context.fillStyle = DICE;
  context.textAlign = "right";
  context.fillText(`Dice ${dice[shown].toFixed(3)}`, right, 0);
}

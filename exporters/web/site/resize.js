// A picture as the model sees it, equal to Pillow's bicubic resizing bit for bit: the browser's own gives other pixels.
// Pictures are { width, height, data }: 8 bits, `channels` values a pixel.

const BITS = 22; // fixed point, as in Pillow: 32 less 8 of the pixel and 2 of headroom
const LONG = 4; // from this proportion of its sides on a picture is cut before it is resized

const cubic = x => {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? -0.5 * (((x - 5) * x + 8) * x - 4) : 0;
};

/** For the outputs `first` to `first + count` of `from` pixels resized to `to`: where each begins to read, and weights. */
export function weights(from, to, first = 0, count = to) {
  const scale = from / to, wide = Math.max(scale, 1), support = 2 * wide;
  return Array.from({ length: count }, (_, n) => {
    const centre = (first + n + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5)), high = Math.min(from, Math.trunc(centre + support + 0.5));
    const plain = Array.from({ length: high - low }, (_, k) => cubic((k + low - centre + 0.5) / wide));
    const sum = plain.reduce((a, b) => a + b, 0);
    const fixed = plain.map(w => w / sum * 2 ** BITS).map(w => Math.trunc(w + (w < 0 ? -0.5 : 0.5)));
    return { low, fixed: Float64Array.from(fixed) };
  });
}

const clipped = sum => Math.min(255, Math.max(0, Math.floor((sum + 2 ** (BITS - 1)) / 2 ** BITS)));

/** One row after another, `read(row)` -> `stride` values a pixel, to `columns` of weights: (rows, columns, channels). */
function across(read, rows, stride, columns, channels) {
  const out = new Uint8Array(rows * columns.length * channels);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const pixels = read(row);
    for (const { low, fixed } of columns) for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let k = 0, from = low * stride + c; k < fixed.length; k++, from += stride) sum += pixels[from] * fixed[k];
      out[at++] = clipped(sum);
    }
  }
  return out;
}

/** (rows, width) of bytes to one row for each of `lines` of weights. */
function down(bytes, width, lines) {
  const out = new Uint8Array(lines.length * width), sums = new Float64Array(width);
  lines.forEach(({ low, fixed }, line) => {
    sums.fill(0);
    for (let k = 0; k < fixed.length; k++) {
      const from = (low + k) * width;
      for (let x = 0; x < width; x++) sums[x] += bytes[from + x] * fixed[k];
    }
    for (let x = 0; x < width; x++) out[line * width + x] = clipped(sums[x]);
  });
  return out;
}

/** Pixels that are kept as they are, as weights. */
const kept = (count, first) => Array.from({ length: count }, (_, n) => ({ low: first + n, fixed: Float64Array.of(2 ** BITS) }));

/** The part `box` of a picture resized to `size`, which is all of it unless a `part` of that is named. */
export function resized(read, stride, channels, box, size, part = { left: 0, top: 0, ...size }) {
  const across_ = box.width === size.width ? kept(part.width, part.left) : weights(box.width, size.width, part.left, part.width);
  const down_ = box.height === size.height ? kept(part.height, part.top) : weights(box.height, size.height, part.top, part.height);
  const first = down_[0].low, last = Math.max(...down_.map(v => v.low + v.fixed.length));
  const left = box.left * stride;
  const rows = across(row => read(box.top + first + row).subarray(left), last - first, stride, across_, channels);
  return down(rows, part.width * channels, down_.map(v => ({ low: v.low - first, fixed: v.fixed })));
}

/** As Python rounds: a half to the even number. */
const round = x => Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);

/** Where a long picture is cut: its middle, so that the middle stays the middle. */
function middle(long, short) {
  let most = LONG * short;
  if (long <= most) return [0, long];
  most += (long - most) % 2;
  return [(long - most) / 2, most];
}

/** The middle square of a picture, its shorter side resized to `size`: (size, size, 3). `read(row)` gives RGBA. */
export function fitSquare(read, width, height, size) {
  const [left, w] = middle(width, height), [top, h] = middle(height, width);
  const ratio = size / Math.min(w, h);
  const whole = w <= h ? { width: size, height: Math.max(size, round(h * ratio)) } : { width: Math.max(size, round(w * ratio)), height: size };
  const part = { left: Math.floor((whole.width - size) / 2), top: Math.floor((whole.height - size) / 2), width: size, height: size };
  return resized(read, 4, 3, { left, top, width: w, height: h }, whole, part);
}

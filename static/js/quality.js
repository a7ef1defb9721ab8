// How good a photo is, as the server measures it (webapp/photo/quality.py): on the framed part, as small as the
// network sees it.

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601
const WHITE = 250;
const BRIGHT = 0.9; // the percentile of the luma that counts as brightness
const DARK = 150; // a darker photo is brightened to it before it is looked at,
const MOST = 4; // at most by this

/**
 * Scales a part of a picture as Pillow does: means of whole pixels where it is at least twice too large, and
 * bicubic, antialiased, rows first, each pass rounded.
 *
 * Args:
 *   picture: An ImageData.
 *   box: Left, upper, right and lower edge of the part, in pixels.
 *   size: Side of the square that comes out.
 *
 * Returns red, green and blue of `size` × `size` pixels.
 */
export function scaled({ data, width, height }, [left, upper, right, lower], size) {
  const [x, y] = [grid(left, right, width, size), grid(upper, lower, height, size)];
  const fewer = resampled(data, 4, width, x.means, y.means);
  return resampled(fewer, 3, x.means.length, x.taps, y.taps);
}

function resampled(data, depth, width, across, down) {
  const size = across.length * 3;
  const first = down[0].from;
  const rows = down.at(-1).from + down.at(-1).weights.length - first;
  const narrow = new Uint8ClampedArray(rows * size);
  for (let row = 0; row < rows; row++) {
    for (let value = 0; value < size; value++) {
      const { from, weights } = across[Math.trunc(value / 3)];
      const at = ((row + first) * width + from) * depth + (value % 3);
      narrow[row * size + value] = weighed(data, at, depth, weights);
    }
  }
  const pixels = new Uint8ClampedArray(down.length * size);
  down.forEach(({ from, weights }, row) => {
    for (let value = 0; value < size; value++) {
      pixels[row * size + value] = weighed(narrow, (from - first) * size + value, size, weights);
    }
  });
  return pixels;
}

function weighed(data, at, step, weights) {
  let sum = 0;
  for (let index = 0; index < weights.length; index++) sum += data[at + index * step] * weights[index];
  return sum;
}

// Which pixels make each mean, and which means each pixel that comes out.
function grid(low, high, length, size) {
  const factor = Math.trunc((high - low) / size) || 1;
  const begin = factor > 1 ? Math.max(0, Math.trunc(low - (1.5 * (high - low)) / size)) : 0;
  const means = Array.from({ length: Math.ceil((length - begin) / factor) }, (_, index) => {
    const from = begin + index * factor;
    const count = Math.min(factor, length - from);
    return { from, weights: Array(count).fill(1 / count) };
  });
  const scale = (high - low) / size / factor;
  const wide = Math.max(scale, 1);
  const taps = Array.from({ length: size }, (_, index) => {
    const centre = (low - begin) / factor + (index + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - 2 * wide + 0.5));
    const to = Math.min(means.length, Math.trunc(centre + 2 * wide + 0.5));
    const weights = Array.from({ length: to - from }, (_, tap) => bicubic((from + tap + 0.5 - centre) / wide));
    const sum = weights.reduce((one, other) => one + other, 0);
    return { from, weights: weights.map((weight) => weight / sum) };
  });
  return { means, taps };
}

function bicubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Measures what `scaled` returns: `sharpness`, the standard deviation of the Laplacian of the luma;
 * `brightness`, its 90th percentile; `glare`, the share of pixels that are white.
 */
export function measured(pixels, size) {
  const luma = new Float32Array(size * size);
  let white = 0;
  for (let index = 0, at = 0; index < luma.length; index++, at += 3) {
    luma[index] = pixels[at] * LUMA[0] + pixels[at + 1] * LUMA[1] + pixels[at + 2] * LUMA[2];
    white += pixels[at] >= WHITE && pixels[at + 1] >= WHITE && pixels[at + 2] >= WHITE;
  }
  const brightness = percentile(luma.slice().sort(), BRIGHT);
  const gain = Math.min(Math.max(1, DARK / Math.max(brightness, 1)), MOST);
  let [sum, squares] = [0, 0];
  for (let row = 1; row < size - 1; row++) {
    for (let column = 1; column < size - 1; column++) {
      const at = row * size + column;
      const edge = gain * (luma[at - 1] + luma[at + 1] + luma[at - size] + luma[at + size] - 4 * luma[at]);
      sum += edge;
      squares += edge * edge;
    }
  }
  const count = (size - 2) ** 2;
  const sharpness = Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
  return { sharpness, brightness, glare: white / luma.length };
}

function percentile(sorted, share) {
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

/**
 * What is wrong with a photo, by the server's own reasons (webapp/answer/assessment.py) and in their order.
 *
 * Args:
 *   quality: As from `measured`.
 *   side: Of the part in pixels of what is sent; null where that is not yet known.
 *   whole: Width and height of what is sent; null where a part of it is framed.
 *   limits: The contract's, by the names of the data attributes; one that is absent is no limit.
 */
export function faults(quality, side, whole, limits) {
  const below = (value, limit) => limit !== undefined && value < Number(limit);
  const found = {
    too_small: side !== null && below(side, limits.minSide),
    too_narrow: whole !== null && Math.max(...whole) > Number(limits.maxAspect) * Math.min(...whole),
    too_dark: below(quality.brightness, limits.brightness),
    blurred: below(quality.sharpness, limits.sharpness),
    glare: limits.glare !== undefined && quality.glare > Number(limits.glare),
  };
  return Object.keys(found).filter((reason) => found[reason]);
}

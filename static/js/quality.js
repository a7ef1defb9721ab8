// How good a photo is, measured as the server measures it (webapp/photo/quality.py): on the framed part, as
// small as the network sees it. A test holds both against each other.

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601
const WHITE = 250;
const BRIGHT = 0.9; // the percentile of the luma that counts as brightness
const DARK = 150; // a darker photo is brightened to it before it is looked at,
const MOST = 4; // at most by this

/**
 * Scales a part of a picture as Pillow does: bicubic, antialiased, rows first, each pass rounded.
 *
 * Args:
 *   picture: An ImageData.
 *   box: Left, upper, right and lower edge of the part, in pixels.
 *   size: Side of the square that comes out.
 *
 * Returns red, green and blue of `size` × `size` pixels.
 */
export function scaled(picture, [left, upper, right, lower], size) {
  const { data, width, height } = picture;
  const across = taps(left, right, width, size);
  const down = taps(upper, lower, height, size);
  const first = down[0].from;
  const rows = down.at(-1).from + down.at(-1).weights.length - first;
  const narrow = new Uint8ClampedArray(rows * size * 3);
  for (let row = 0; row < rows; row++) {
    const start = (row + first) * width;
    for (let column = 0; column < size; column++) {
      const { from, weights } = across[column];
      let [red, green, blue] = [0, 0, 0];
      for (let index = 0, at = (start + from) * 4; index < weights.length; index++, at += 4) {
        red += data[at] * weights[index];
        green += data[at + 1] * weights[index];
        blue += data[at + 2] * weights[index];
      }
      const to = (row * size + column) * 3;
      narrow[to] = red;
      narrow[to + 1] = green;
      narrow[to + 2] = blue;
    }
  }
  const pixels = new Uint8ClampedArray(size * size * 3);
  for (let row = 0; row < size; row++) {
    const { from, weights } = down[row];
    for (let value = 0; value < size * 3; value++) {
      let sum = 0;
      for (let index = 0; index < weights.length; index++) {
        sum += narrow[(from - first + index) * size * 3 + value] * weights[index];
      }
      pixels[row * size * 3 + value] = sum;
    }
  }
  return pixels;
}

// Which pixels each pixel that comes out is made of, and how much of each.
function taps(low, high, length, size) {
  const scale = (high - low) / size;
  const wide = Math.max(scale, 1);
  return Array.from({ length: size }, (_, index) => {
    const centre = low + (index + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - 2 * wide + 0.5));
    const to = Math.min(length, Math.trunc(centre + 2 * wide + 0.5));
    const weights = Array.from({ length: to - from }, (_, tap) => bicubic((from + tap + 0.5 - centre) / wide));
    const sum = weights.reduce((one, other) => one + other, 0);
    return { from, weights: weights.map((weight) => weight / sum) };
  });
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
 *   whole: Width and height of what is sent; null as well.
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

// Drawing a photo: for the preview, for the question where the spot is, and for what is sent.

const LARGEST_SIDE = 2400; // pixels; a spot that fills a tenth of this still has more than the model looks at
const LARGEST_FILE = 3_000_000; // bytes; a slow phone connection needs half a minute for it
const QUALITY = 0.92;
const FULL_QUALITY = 0.95; // of a photo that is not made smaller: it has no pixels to spare
const NOISE = 8; // of 255; browsers that only blur who somebody is change a pixel by 1 or 2

/** Draws a photo upright with sides of at most `side` pixels; never larger than it is. */
export function draw(photo, side) {
  const scale = Math.min(1, side / Math.max(photo.width, photo.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(photo.width * scale));
  canvas.height = Math.max(1, Math.floor(photo.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white"; // what is see-through becomes white, as on the server
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  return canvas;
}

export const toJpeg = (canvas, quality = QUALITY) =>
  new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));

/**
 * Whether a drawing can be read back. Browsers that hide who somebody is (Tor, Firefox with
 * resistFingerprinting) show it rightly and hand out noise or white instead.
 */
export function canRead() {
  const colours = [[200, 120, 90], [20, 40, 60], [250, 250, 250], [90, 160, 30]];
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = colours.length;
  const context = canvas.getContext("2d");
  colours.forEach((colour, row) => {
    context.fillStyle = `rgb(${colour})`;
    context.fillRect(0, row, colours.length, 1);
  });
  const { data } = context.getImageData(0, 0, colours.length, colours.length);
  return colours.every((colour, row) => colour.every((value, channel) => {
    for (let column = 0; column < colours.length; column++) {
      if (Math.abs(data[(row * colours.length + column) * 4 + channel] - value) > NOISE) return false;
    }
    return true;
  }));
}

/**
 * Draws what is to be sent instead of a file: `{ file, width, height }`, within the limits; null if the
 * browser cannot do it. It always does: a file tells in many ways which way is up, where it is cut, what
 * its colours mean and which of its pictures is the photo, and browsers and server do not read all of them
 * alike. The spot in the frame is judged as it was seen only if what was drawn is what is sent.
 */
export async function redraw(photo, maxBytes, maxPixels) {
  const bytes = Math.min(LARGEST_FILE, maxBytes);
  const longer = Math.max(photo.width, photo.height);
  const withinPixels = longer * Math.sqrt(maxPixels / (photo.width * photo.height));
  let side = Math.min(longer, LARGEST_SIDE, withinPixels);
  if (!canRead()) return null;
  for (; side > longer / 10; side *= 0.75) {
    const canvas = draw(photo, side);
    const jpeg = await toJpeg(canvas, side === longer ? FULL_QUALITY : QUALITY);
    if (jpeg?.type !== "image/jpeg") return null;
    if (jpeg.size <= bytes) {
      const { width, height } = canvas;
      return { file: new File([jpeg], "photo.jpg", { type: jpeg.type }), width, height };
    }
  }
  return null;
}

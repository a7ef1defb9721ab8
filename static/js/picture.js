// Drawing a photo smaller: for the preview, for the question where the spot is, and for the upload.

const LARGEST_SIDE = 2400; // pixels; a spot that fills a tenth of this still has more than the model looks at
const LARGEST_FILE = 3_000_000; // bytes; a slow phone connection needs half a minute for it
const QUALITY = 0.92;

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

export const toJpeg = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));

/**
 * Makes what is to be sent instead of a file, within the limits: `{ file, width, height }`; null if the file
 * can go as it is, or if the browser cannot do it.
 */
export async function shrink(photo, file, maxBytes, maxPixels) {
  const bytes = Math.min(LARGEST_FILE, maxBytes);
  const longer = Math.max(photo.width, photo.height);
  const withinPixels = longer * Math.sqrt(maxPixels / (photo.width * photo.height));
  let side = Math.min(longer, LARGEST_SIDE, withinPixels);
  // Browsers and the server agree on which way a JPEG is up. Of other formats that is not sure, and the
  // frame around the spot must lie where the person put it.
  if (file.type === "image/jpeg" && side === longer && file.size <= bytes) return null;
  for (; side > longer / 10; side *= 0.75) {
    const canvas = draw(photo, side);
    const jpeg = await toJpeg(canvas);
    if (!jpeg) return null;
    if (jpeg.size <= bytes) {
      const { width, height } = canvas;
      return { file: new File([jpeg], "photo.jpg", { type: jpeg.type }), width, height };
    }
  }
  return null;
}

// Looks at the framed part of a photo before it is sent, and says at once what a new one would mend. It never
// stands in the way of sending.

import { faults, measured, scaled } from "./quality.js";

const REST = 500; // milliseconds without a movement of the frame
const KEPT_SIDE = 750; // pixels that the server keeps of a larger part, see webapp/photo/imaging.py

/**
 * Starts to watch the form's photo.
 *
 * Args:
 *   form: The form; what moves its frame dispatches "framed" in it.
 *   what: Returns `{ file, width, height, box }`: what would be sent now, and the part in its pixels, null for
 *     the square in the middle; null where there is no photo, or none that a browser can read.
 *
 * Returns a function to call when another photo is chosen, or none.
 */
export function watchPhoto(form, what) {
  const place = form.querySelector("[data-photo-check]");
  let timer;
  let looks = 0;

  function later() {
    clearTimeout(timer);
    looks += 1; // an answer that is still on its way is about another frame
    timer = setTimeout(look, REST);
  }

  async function look() {
    const mine = ++looks;
    const photo = what();
    if (!photo) return show(place, form, null);
    if (!place.firstElementChild) show(place, form, ["waiting"]);
    const found = await inspect(photo, place.dataset).catch(() => null); // unreadable: the server will say
    if (mine === looks) show(place, form, found && (found.length ? found : ["fine"]));
  }

  form.addEventListener("framed", later);
  return later;
}

/** Returns what is wrong with the framed part of a photo. */
export async function inspect({ file, width, height, box }, limits) {
  const part = box ?? centreSquare(width, height);
  const side = Math.min(part[2] - part[0], part[3] - part[1]);
  const quality = await measurePart(file, [width, height], part, Number(limits.size));
  return faults(quality, side, box ? null : [width, height], limits);
}

/** Measures a part of a photo as the server would. */
export async function measurePart(file, [width, height], [left, upper, right, lower], size) {
  const side = Math.min(right - left, lower - upper);
  const factor = [8, 4, 2].find((each) => each * KEPT_SIDE <= side) ?? 1;
  // As much around the part as the scaling looks at.
  const margin = Math.ceil(Math.max(2, (2 * side) / size));
  const x = Math.max(0, Math.floor(left) - margin);
  const y = Math.max(0, Math.floor(upper) - margin);
  const wide = Math.min(width, Math.ceil(right) + margin) - x;
  const high = Math.min(height, Math.ceil(lower) + margin) - y;
  const [columns, rows] = [Math.ceil(wide / factor), Math.ceil(high / factor)];
  const smaller = factor > 1 ? { resizeWidth: columns, resizeHeight: rows, resizeQuality: "high" } : {};
  const part = await createImageBitmap(file, x, y, wide, high, smaller);
  const picture = read(part, columns, rows);
  part.close();
  const inside = [(left - x) / factor, (upper - y) / factor, (right - x) / factor, (lower - y) / factor];
  return measured(scaled(picture, inside, size), size);
}

/** Draws a picture, or a moment of a film, and reads its pixels. */
export function read(picture, columns, rows, part = null) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, columns, rows);
  if (part) context.drawImage(picture, ...part, 0, 0, columns, rows);
  else context.drawImage(picture, 0, 0, columns, rows);
  return context.getImageData(0, 0, columns, rows);
}

export function centreSquare(width, height) {
  const side = Math.min(width, height);
  const [left, upper] = [(width - side) / 2, (height - side) / 2];
  return [left, upper, left + side, upper + side];
}

function show(place, form, said) {
  const parts = (said ?? []).map((name) => copy(place, name));
  if (said && !["waiting", "fine"].includes(said[0])) parts.push(copy(place, "choice"));
  place.replaceChildren(...parts);
  place.querySelector("[data-take-another]")?.addEventListener("click", () => {
    const touch = matchMedia("(hover: none) and (pointer: coarse)").matches; // as for the camera's field in app.css
    form.elements[touch ? "camera" : "photo"].click();
  });
}

const copy = (place, name) =>
  place.parentElement.querySelector(`template[data-check="${name}"]`).content.firstElementChild.cloneNode(true);

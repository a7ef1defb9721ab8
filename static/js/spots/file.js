// One file with everything, out of this browser and into another. What comes in is believed field by field.

import { draw, toJpeg } from "../picture.js";
import { StoreError } from "./store.js";

const FORMAT = "skin-cancer-detector/my-spots";
const VERSION = 2; // 1 knew no visits of deleted photos
const LARGEST_FILE = 400_000_000; // bytes; a photo takes about 150,000
const LARGEST_SIDE = 1280; // pixels

/** Makes the file: JSON, with the photos as data URLs. */
export async function exported(spots) {
  const plain = spots.map((spot) => ({
    ...spot,
    photos: spot.photos.map(({ jpeg, spot: _spot, ...photo }) => ({ ...photo, jpeg: toUrl(jpeg) })),
  }));
  // One photo a part: a single string has an end at half a gigabyte in Chromium.
  const head = { format: FORMAT, version: VERSION, exported: new Date().toISOString() };
  const parts = plain.map((spot, index) => (index ? "," : "") + JSON.stringify(spot));
  return new Blob([JSON.stringify(head).slice(0, -1), ',"spots":[', ...parts, "]}"], { type: "application/json" });
}

/**
 * Reads a file back.
 *
 * Returns its spots as the store holds them. Throws a StoreError: "file" where anything at all is not as it
 * should be, "file-newer" where a later version of this page made it.
 */
export async function imported(file) {
  if (file.size > LARGEST_FILE) throw new StoreError("file");
  let content;
  try {
    content = JSON.parse(await file.text());
  } catch (error) {
    throw new StoreError("file", error);
  }
  if (content?.format !== FORMAT || !Number.isInteger(content.version) || content.version < 1) throw new StoreError("file");
  if (content.version > VERSION) throw new StoreError("file-newer");
  if (!Array.isArray(content.spots)) throw new StoreError("file");
  const spots = [];
  for (const spot of content.spots) spots.push(await readSpot(spot));
  return spots;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (most) => (value) => typeof value === "string" && value.length <= most;
const isId = (value) => typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
const isTime = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value) && !Number.isNaN(Date.parse(value));
const isDay = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value));
const isShare = (value) => typeof value === "number" && value >= 0 && value <= 1;
const orNull = (check) => (value) => value === null || check(value);
const isTold = (value) =>
  isObject(value) &&
  Object.entries(value).length <= 20 &&
  Object.values(value).every((told) => typeof told === "boolean" || Number.isFinite(told) || isText(60)(told));

const isOutcome = (value) => ["signs", "unsure", "no_signs"].includes(value);

const isBoolean = (value) => typeof value === "boolean";

const VISIT = { time: isTime, due: isDay, outcome: isOutcome, replaceable: isBoolean };
const OLDER = { replaceable: false }; // files from before it was written
const SPOT = {
  id: isId,
  name: isText(60),
  place: isText(60),
  seen: (value) => Array.isArray(value) && value.length <= 1000 && value.every(isTime),
  ticked: (value) => isObject(value) && Object.keys(value).length <= 1000 && Object.entries(value).flat().every(isTime),
  advised: (value) => Array.isArray(value) && value.length <= 1000,
};
const PHOTO = {
  id: isId,
  time: isTime,
  due: orNull(isDay),
  again: orNull(isDay),
  replaceable: isBoolean,
  outcome: isOutcome,
  verdict: isText(200),
  confidence: isShare,
  signs: isShare,
  unsure: isShare,
  told: isTold,
  model: isText(60),
};

/** Takes over exactly the fields that are known, and only if every one of them is sound. */
function sound(value, fields) {
  if (!isObject(value)) throw new StoreError("file");
  for (const [name, check] of Object.entries(fields)) if (!check(value[name])) throw new StoreError("file");
  return Object.fromEntries(Object.keys(fields).map((name) => [name, value[name]]));
}

async function readSpot(value) {
  if (!isObject(value) || !Array.isArray(value.photos)) throw new StoreError("file");
  const spot = sound({ ticked: {}, advised: [], ...value }, SPOT);
  spot.advised = spot.advised.map((visit) => sound({ ...OLDER, ...visit }, VISIT));
  spot.photos = [];
  for (const photo of value.photos) spot.photos.push({ ...sound({ ...OLDER, ...photo }, PHOTO), jpeg: await readJpeg(photo.jpeg) });
  return spot;
}

async function readJpeg(url) {
  const [head, encoded] = typeof url === "string" ? url.split(",", 2) : [];
  if (head !== "data:image/jpeg;base64") throw new StoreError("file");
  try {
    return await asJpeg(fromBase64(encoded));
  } catch (error) {
    throw new StoreError("file", error);
  }
}

/** Returns the bytes of a JPEG of at most 1,280 pixels a side; throws where the browser cannot read it. */
export async function asJpeg(bytes) {
  const photo = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  try {
    if (Math.max(photo.width, photo.height) <= LARGEST_SIDE) return bytes;
    return await (await toJpeg(draw(photo, LARGEST_SIDE))).arrayBuffer();
  } finally {
    photo.close();
  }
}

/** Decodes without fetch, which the page's policy keeps to this site. */
export function fromBase64(encoded) {
  return Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0)).buffer;
}

function toUrl(buffer) {
  const bytes = new Uint8Array(buffer);
  let letters = "";
  for (let start = 0; start < bytes.length; start += 32_768) {
    letters += String.fromCharCode(...bytes.subarray(start, start + 32_768));
  }
  return `data:image/jpeg;base64,${btoa(letters)}`;
}

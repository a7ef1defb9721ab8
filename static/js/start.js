// Comfort only: drag and drop, paste, a preview, crop to the spot, a smaller upload and a visible wait.
// The form works without it.

import { showAgain } from "./again.js";
import { watchPhoto } from "./check.js";
import { offerLive } from "./live.js";
import { draw, shrink, toJpeg } from "./picture.js";

const PREVIEW_SIDE = 640; // pixels; also what the server is asked with where the spot is
const CROP_SIDE = 1280; // sharp enough when it is zoomed
const SMALLEST_FRAME = 65; // pixels of the photo; a part below 64 cannot be judged
const PATIENCE = 2000; // milliseconds for the server's proposal

const form = document.querySelector("[data-photo-form]");
const zone = form.querySelector(".drop-zone");
const label = zone.querySelector("label");
const button = form.querySelector(".button-main");
const inputs = [form.elements.photo, form.elements.camera];
zone.dataset.idle = label.textContent;
button.dataset.idle = button.textContent;
let latest; // the photo chosen last: a slow earlier one must not overwrite it
let sent; // the width and height of what will be sent
let framed; // returns the crop's edges as shares of the photo, once there is one

const checkLater = watchPhoto(form, () => latest && sent && {
  file: inputs.find((input) => input.files.length).files[0],
  ...sent,
  box: framed ? pixels(framed(), sent) : null,
});
offerLive(form, put);
showAgain(form);

form.querySelector("[role=alert]")?.focus();

for (const input of inputs) {
  input.addEventListener("change", () => take(input));
}

// What the browser itself filled in when the person came back to the page.
const kept = inputs.find((input) => input.files.length);
if (kept) take(kept);

document.addEventListener("dragover", (event) => {
  event.preventDefault(); // anywhere on the page: a photo dropped beside the zone must not replace the page
  showOver(true);
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) showOver(false);
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  showOver(false);
  put(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => put(event.clipboardData.files[0]));

form.addEventListener("submit", (event) => {
  if (button.ariaDisabled) {
    event.preventDefault(); // pressed twice
    return;
  }
  form.elements.box.value = framed ? inPixels(framed(), sent) : "";
  showWorking(true);
});
// A page that comes back from the browser's history is as it was left: working.
addEventListener("pageshow", (event) => event.persisted && showWorking(false));

function put(file) {
  if (!file) return;
  setFile(inputs[0], file);
  take(inputs[0]);
}

function setFile(input, file) {
  const files = new DataTransfer();
  files.items.add(file);
  input.files = files.files;
}

async function take(input) {
  const file = input.files[0];
  latest = file;
  framed = sent = null;
  checkLater();
  showOver(false);
  zone.querySelector(".preview, .crop")?.remove();
  if (!file) return;
  for (const other of inputs) {
    if (other !== input) other.value = "";
  }
  // Turns the photo upright. What the browser cannot read (HEIC in most) is sent as it is.
  const photo = await createImageBitmap(file).catch(() => null);
  if (!photo || file !== latest) return;
  sent = { width: photo.width, height: photo.height };
  const preview = showPreview(photo);
  const smaller = makeSmaller(input, photo, file);
  await Promise.allSettled([smaller, letCrop(photo, file, preview, smaller)]);
  photo.close();
  checkLater();
}

async function makeSmaller(input, photo, file) {
  const smaller = await shrink(photo, file, Number(zone.dataset.maxBytes), Number(zone.dataset.maxPixels));
  if (!smaller || file !== latest || button.ariaDisabled) return;
  setFile(input, smaller.file);
  sent = smaller;
}

async function letCrop(photo, file, preview, smaller) {
  const picture = draw(photo, CROP_SIDE);
  const part = form.querySelector("[data-crop]").content.firstElementChild.cloneNode(true);
  try {
    const [{ startCrop }, start] = await Promise.all([import("./crop.js"), propose(preview), smaller]);
    if (file !== latest) return;
    preview.replaceWith(part);
    const started = await startCrop(part, picture, SMALLEST_FRAME / sent.width, start ?? centreSquare(photo));
    if (file === latest) framed = started;
  } catch {
    part.replaceWith(preview); // without the cropper the server looks at the square in the middle
  }
}

async function propose(preview) {
  try {
    const body = new FormData();
    body.append("csrf_token", form.elements.csrf_token.value);
    body.append("photo", await toJpeg(preview), "photo.jpg");
    const answer = await fetch(zone.dataset.propose, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE) });
    const { box } = await answer.json();
    return box.map((edge, index) => edge / (index % 2 ? preview.height : preview.width));
  } catch {
    return null; // slow, busy or offline
  }
}

function centreSquare({ width, height }) {
  const side = Math.min(width, height);
  const across = side / width / 2;
  const down = side / height / 2;
  return [0.5 - across, 0.5 - down, 0.5 + across, 0.5 + down];
}

const pixels = (shares, { width, height }) => shares.map((share, index) => share * (index % 2 ? height : width));

function inPixels(shares, { width, height }) {
  return pixels(shares, { width, height }).map((edge) => edge.toFixed(1)).join(",");
}

function showPreview(photo) {
  const preview = draw(photo, PREVIEW_SIDE);
  preview.className = "preview";
  preview.role = "img";
  preview.ariaLabel = zone.dataset.preview;
  zone.querySelector(".working").before(preview);
  return preview;
}

function showOver(over) {
  zone.classList.toggle("is-over", over);
  label.textContent = over ? zone.dataset.over : latest ? zone.dataset.chosen : zone.dataset.idle;
}

function showWorking(working) {
  zone.classList.toggle("is-working", working);
  const wait = zone.querySelector(".working");
  for (const part of zone.children) {
    if (part.role !== "status") part.toggleAttribute("hidden", working !== (part === wait));
  }
  zone.querySelector("[role=status]").textContent = working ? wait.textContent : "";
  button.textContent = working ? button.dataset.working : button.dataset.idle;
  button.ariaDisabled = working ? "true" : null;
}

// Comfort only: drag and drop, paste, a preview, crop to the spot, a smaller upload and a visible wait.
// The form works without it.

import { showAgain } from "./again.js";
import { centreSquare, watchPhoto } from "./check.js";
import { offerLive } from "./live.js";
import { draw, redraw, toJpeg } from "./picture.js";
import { holdPresses } from "./press.js";

const PREVIEW_SIDE = 640; // pixels; also what the server is asked with where the spot is
const CROP_SIDE = 1280; // sharp enough when it is zoomed
const SMALLEST_FRAME = 65; // pixels of the photo; a part below 64 cannot be judged
const PATIENCE = 2000; // milliseconds for the server's proposal
const ASLEEP = 10_000; // milliseconds without a tick: the phone slept, and its connections are gone
const SHOWN = /^image\/(jpeg|png|webp|avif)$/; // by every browser

const form = document.querySelector("[data-photo-form]");
const zone = form.querySelector(".drop-zone");
const label = zone.querySelector("label");
const status = zone.querySelector(":scope > [role=status]");
const tooMany = zone.querySelector("[data-too-many]");
const button = form.querySelector(".button-main");
const inputs = [form.elements.photo, form.elements.camera];
zone.dataset.idle = label.textContent;
button.dataset.idle = button.textContent;
let latest; // the photo chosen last: a slow earlier one must not overwrite it
let source; // the input that holds it
let drawn; // what is sent instead of it, with its width and height, once it is there
let framed; // returns the crop's edges as shares of the photo, once there is one
let patience; // with the server, from when on it would have cut the photo off

const checkLater = watchPhoto(form, () => drawn && {
  ...drawn,
  box: framed ? pixels(framed(), drawn) : null,
});
offerLive(form, put);
showAgain(form);
holdPresses(button);

form.querySelector("[role=alert]")?.focus();

const { age } = form.elements;
if (age) {
  age.pattern = " *[0-9]{0,3} *"; // before the photo is sent, which would have to be chosen again
  age.addEventListener("invalid", () => (age.closest("details").open = true)); // else no browser shows why
}

for (const input of inputs) {
  input.addEventListener("change", () => take(input));
}

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
  putOne(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => putOne(event.clipboardData.files));

form.addEventListener("submit", (event) => {
  if (button.ariaDisabled) {
    event.preventDefault(); // pressed twice
    return;
  }
  const frame = framed?.();
  // For the way back: the browser keeps the file for then, and no script can.
  history.replaceState({ ...history.state, photo: latest && identity(latest), frame }, "");
  if (drawn && !("onformdata" in form)) setFile(source, drawn.file); // browsers before 2021
  showWorking(true);
});
// What is sent in place of the file, its size and the frame in its pixels belong together: they go together, or
// none of them. The input keeps the file that was chosen.
form.addEventListener("formdata", ({ formData }) => {
  if (!drawn) return;
  formData.set(source.name, drawn.file);
  formData.set("drawn", `${drawn.width}x${drawn.height}`);
  if (framed) formData.set("box", inPixels(framed(), drawn));
});

// Only now has a browser put back what it kept while the person was at the answer. From its history the page
// may also come back as it was left: working.
addEventListener("pageshow", () => {
  showWorking(false);
  const kept = inputs.find((input) => input.files.length);
  if (kept && !latest) take(kept);
});

// An answer that will not come: Stop was pressed, the network broke, the server closed, the phone slept. Where
// a browser does not say so (before 2026), the form is at least usable again.
window.navigation?.addEventListener("navigate", (event) => {
  if (button.ariaDisabled) event.signal.addEventListener("abort", () => showWorking(false));
});
zone.querySelector("[data-stop]").addEventListener("click", giveUp);
document.addEventListener("keydown", (event) => event.key === "Escape" && button.ariaDisabled && giveUp());
addEventListener("offline", () => showWorking(false));
let ticked = Date.now();
setInterval(() => {
  if (Date.now() - ticked > ASLEEP) showWorking(false);
  ticked = Date.now();
}, 1000);

function giveUp() {
  stop();
  showWorking(false);
}

// Of several none is taken: which one is meant nobody can tell.
function putOne(files) {
  if (files.length < 2) return put(files[0]);
  tooMany.hidden = false;
  status.textContent = tooMany.textContent; // read out from here: what was hidden itself is not everywhere
}

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
  tooMany.hidden = true;
  latest = file;
  source = input;
  drawn = framed = null;
  checkLater();
  showOver(false);
  zone.querySelector(".preview, .crop")?.remove();
  if (!file) return;
  for (const other of inputs) {
    if (other !== input) other.value = "";
  }
  // All the room that the photo will need, before anybody can reach for what stands below it.
  const part = form.querySelector("[data-crop]").content.firstElementChild.cloneNode(true);
  if (SHOWN.test(file.type)) makeRoom(part);
  // What the browser cannot read (HEIC in most) is sent as it is.
  const photo = await createImageBitmap(file).catch(() => null);
  if (!photo) part.remove();
  if (!photo || file !== latest) return;
  const preview = showPreview(photo, part);
  const proposed = propose(preview, file);
  const made = await redraw(photo, Number(zone.dataset.maxBytes), Number(zone.dataset.maxPixels));
  if (made && file === latest) drawn = made;
  if (!made || !(await letCrop(part, photo, file, proposed))) {
    part.replaceWith(preview); // without the cropper the server looks at the square in the middle
  }
  photo.close();
  checkLater();
}

async function letCrop(part, photo, file, proposed) {
  try {
    const [{ startCrop }, start] = await Promise.all([import("./crop.js"), proposed]);
    if (file !== latest) return true;
    const picture = draw(photo, CROP_SIDE);
    const middle = shares(centreSquare(photo.width, photo.height), photo);
    const started = await startCrop(part, picture, SMALLEST_FRAME / drawn.width, start ?? middle);
    if (file === latest) framed = started;
    part.querySelector(".preview").remove();
    part.inert = false;
    return true;
  } catch {
    return false;
  }
}

const identity = ({ name, size, lastModified }) => `${name} ${size} ${lastModified}`;

async function propose(preview, file) {
  const { photo, frame } = history.state ?? {};
  if (frame && photo === identity(file)) return frame; // set before the person went to the answer and came back
  try {
    const body = new FormData();
    body.append("csrf_token", form.elements.csrf_token.value);
    body.append("photo", await toJpeg(preview), "photo.jpg");
    const answer = await fetch(zone.dataset.propose, { method: "POST", body, signal: AbortSignal.timeout(PATIENCE) });
    const { box } = await answer.json();
    return shares(box, preview);
  } catch {
    return null; // slow, busy or offline
  }
}

const shares = (box, { width, height }) => box.map((edge, index) => edge / (index % 2 ? height : width));
const pixels = (frame, { width, height }) => frame.map((share, index) => share * (index % 2 ? height : width));
const inPixels = (frame, size) => pixels(frame, size).map((edge) => edge.toFixed(1)).join(",");

function makeRoom(part) {
  part.inert = true;
  zone.querySelector(".working").before(part);
}

function showPreview(photo, part) {
  const preview = draw(photo, PREVIEW_SIDE);
  preview.className = "preview";
  preview.role = "img";
  preview.ariaLabel = zone.dataset.preview;
  if (!part.isConnected) makeRoom(part);
  part.querySelector(".crop-frame").append(preview);
  return preview;
}

function showOver(over) {
  zone.classList.toggle("is-over", over);
  label.textContent = over ? zone.dataset.over : latest ? zone.dataset.chosen : zone.dataset.idle;
}

function showWorking(working) {
  if (working === Boolean(button.ariaDisabled)) return;
  zone.classList.toggle("is-working", working);
  zone.querySelector(".working").hidden = !working;
  status.textContent = working ? zone.dataset.working : zone.dataset.stopped;
  button.textContent = working ? button.dataset.working : button.dataset.idle;
  button.ariaDisabled = working ? "true" : null;
  // Of an answer without a page (204 of a network's own gate) no browser tells.
  clearTimeout(patience);
  if (working) patience = setTimeout(giveUp, 1000 * zone.dataset.maxSeconds);
}

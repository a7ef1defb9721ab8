// Comfort only: drag and drop, paste, a preview, a smaller upload and a visible wait. The form works without it.

const LARGEST_SIDE = 2400; // pixels; a spot that fills a tenth of this still has more than the model looks at
const LARGEST_FILE = 3_000_000; // bytes; a slow phone connection needs half a minute for it
const PREVIEW_SIDE = 640;

const form = document.querySelector("[data-photo-form]");
const zone = form.querySelector(".drop-zone");
const label = zone.querySelector("label");
const button = form.querySelector(".button-main");
const inputs = [form.elements.photo, form.elements.camera];
zone.dataset.idle = label.textContent;
button.dataset.idle = button.textContent;
let latest; // the photo chosen last: a slow earlier one must not overwrite it

form.querySelector("[role=alert]")?.focus();

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
  put(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => put(event.clipboardData.files[0]));

form.addEventListener("submit", (event) => {
  if (button.ariaDisabled) event.preventDefault(); // pressed twice
  else showWorking(true);
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
  showOver(false);
  zone.querySelector(".preview")?.remove();
  if (!file) return;
  for (const other of inputs) {
    if (other !== input) other.value = "";
  }
  // Turns the photo upright. What the browser cannot read (HEIC in most) is sent as it is.
  const photo = await createImageBitmap(file).catch(() => null);
  if (!photo || file !== latest) return;
  showPreview(photo);
  const smaller = await shrink(photo, file);
  photo.close();
  if (smaller && file === latest && !button.ariaDisabled) {
    latest = smaller;
    setFile(input, smaller);
  }
}

async function shrink(photo, file) {
  if (file.size <= LARGEST_FILE && Math.max(photo.width, photo.height) <= LARGEST_SIDE) return null;
  const canvas = draw(photo, LARGEST_SIDE);
  const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  if (!jpeg || jpeg.size >= file.size) return null;
  return new File([jpeg], "photo.jpg", { type: "image/jpeg" });
}

function draw(photo, side) {
  const scale = Math.min(1, side / Math.max(photo.width, photo.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(photo.width * scale));
  canvas.height = Math.max(1, Math.round(photo.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white"; // what is see-through becomes white, as on the server
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function showPreview(photo) {
  const preview = draw(photo, PREVIEW_SIDE);
  preview.className = "preview";
  preview.role = "img";
  preview.ariaLabel = zone.dataset.preview;
  zone.prepend(preview);
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

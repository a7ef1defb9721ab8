// A live view with a ring to fill: it takes the photo by itself once the part in the ring is sharp and well lit.
// The phone's own camera stays the first choice, and nothing asks for the camera before a button is pressed.

import { read } from "./check.js";
import { faults, measured, scaled } from "./quality.js";

const EVERY = 500; // milliseconds
const STEADY = 3; // good looks in a row: a moment of holding still, and not a lucky one
const RING = 0.6; // of the view's shorter side, as .live-ring in photo.css
const LOOKED_AT = 480; // pixels; the network sees fewer
const PATIENCE = 4000; // milliseconds for the camera's own full photo
const WANTED = { facingMode: { ideal: "environment" }, width: { ideal: 4096 }, height: { ideal: 3072 } };

/**
 * Offers the live view where the browser has a camera to ask for (over https, or on this computer).
 *
 * Args:
 *   form: With the button and the dialog.
 *   put: Takes the photo, as if it had been chosen.
 */
export function offerLive(form, put) {
  const button = form.querySelector("[data-live-open]");
  const dialog = document.querySelector("[data-live]");
  if (!navigator.mediaDevices?.getUserMedia || !dialog?.showModal) return;
  button.hidden = false;
  dialog.querySelector("[data-live-close]").addEventListener("click", () => dialog.close());
  button.addEventListener("click", () => show(dialog, button, form, put));
}

async function show(dialog, button, form, put) {
  const limits = form.querySelector("[data-photo-check]").dataset;
  const video = dialog.querySelector("video");
  const said = dialog.querySelector("[data-live-said]");
  const now = dialog.querySelector("[data-live-now]");
  const say = (name) => {
    const text = dialog.querySelector(`template[data-say="${name}"]`).content.textContent.trim();
    if (said.textContent !== text) said.textContent = text; // twice a second, but read out once
  };
  let stream;
  let timer;
  let taking = false;
  let steady = 0;
  let over = false;

  dialog.classList.remove("is-on");
  now.hidden = true;
  say("asking");
  dialog.showModal();
  const end = () => {
    over = true;
    clearInterval(timer);
    for (const track of stream?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    now.removeEventListener("click", take);
    document.removeEventListener("visibilitychange", hide);
  };
  const hide = () => document.hidden && dialog.close(); // the camera must not run behind
  dialog.addEventListener("close", end, { once: true });
  document.addEventListener("visibilitychange", hide);
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: WANTED, audio: false });
    if (over) return end();
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    if (!over) say(error.name === "NotAllowedError" ? "refused" : "none");
    return;
  }
  dialog.classList.add("is-on");
  now.hidden = false;
  now.addEventListener("click", take);
  timer = setInterval(look, EVERY);

  function look() {
    if (taking || !video.videoWidth) return;
    const side = RING * Math.min(video.videoWidth, video.videoHeight);
    const part = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side];
    const seen = Math.round(Math.min(side, LOOKED_AT));
    const size = Number(limits.size);
    const quality = measured(scaled(read(video, seen, seen, part), [0, 0, seen, seen], size), size);
    const found = faults(quality, side, null, limits);
    steady = found.length ? 0 : steady + 1;
    say(found[0] ?? "steady");
    if (steady >= STEADY) take();
  }

  async function take() {
    if (taking) return;
    taking = true;
    say("taking");
    const file = await photograph(stream.getVideoTracks()[0], video);
    if (over) return;
    dialog.close();
    if (file) put(file);
    button.focus();
  }
}

// The camera's own photo has more pixels than its film. Where there is none, the film's moment is taken.
async function photograph(track, video) {
  const film = new Promise((resolve) => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob(resolve, "image/jpeg", 0.95);
  });
  const moment = await film;
  const full = await Promise.race([still(track), new Promise((resolve) => setTimeout(resolve, PATIENCE, null))]);
  const blob = full ?? moment;
  return blob && new File([blob], "photo.jpg", { type: blob.type });
}

async function still(track) {
  try {
    const capture = new ImageCapture(track); // not in every browser
    const { fillLightMode } = await capture.getPhotoCapabilities();
    const blob = await capture.takePhoto(fillLightMode?.includes("off") ? { fillLightMode: "off" } : {});
    (await createImageBitmap(blob)).close(); // some cameras hand out what no browser reads
    return blob;
  } catch {
    return null;
  }
}

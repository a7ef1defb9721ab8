// Under an answer: keeps it in this browser, if the person says so.

import { remind } from "./calendar.js";
import { asJpeg, fromBase64 } from "./file.js";
import { copy, fill, say, sayTrouble, titleOf } from "./show.js";
import { whenToRemind } from "./standing.js";
import { askToStay, keep, newId, readAll, readOne } from "./store.js";

const section = document.querySelector("[data-keep]");
const form = section.querySelector("[data-keep-form]");
const said = section.querySelector("[data-said]");
const open = section.querySelector("[data-open]");
const which = form.elements.spot;
const answer = JSON.parse(section.dataset.answer);
const checked = /^#spot=([0-9a-f]{32})$/.exec(location.hash)?.[1]; // from "Check again"
const photoId = newId(); // pressed twice, it is kept once
const spotId = newId();

if (checked) {
  // Whoever takes the photo again, or in another language, still checks the same spot.
  const ways = document.querySelectorAll(".language a, .advice a:not([href^='#'])");
  for (const link of ways) {
    const start = new URL(link.href);
    start.searchParams.set("again", ""); // at the answer's own address a browser would stay with the answer
    start.hash = location.hash;
    link.href = start;
  }
}

open.addEventListener("click", async () => {
  say(said, null);
  let spots;
  try {
    spots = await readAll();
  } catch (error) {
    return sayTrouble(said, error);
  }
  offer(spots);
  form.hidden = false;
  open.hidden = true;
  (spots.length ? which : form.elements.name).focus();
});
open.hidden = false; // not before it can be pressed
form.querySelector("[data-cancel]").addEventListener("click", () => {
  form.hidden = true;
  open.hidden = false;
  open.focus();
});
which.addEventListener("change", showNew);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await keepIt();
  } catch (error) {
    sayTrouble(said, error);
  }
});

function offer(spots) {
  form.querySelector("[data-first]").hidden = spots.length > 0;
  form.querySelector("[data-choice]").hidden = !spots.length;
  which.replaceChildren(which.options[0], ...spots.map((spot) => new Option(titleOf(spot), spot.id)));
  which.value = spots.some((spot) => spot.id === checked) ? checked : "";
  form.elements.place.value = answer.told.site ?? "";
  showNew();
}

function showNew() {
  for (const field of form.querySelectorAll("[data-new]")) field.hidden = Boolean(which.value);
}

async function keepIt() {
  const encoded = document.querySelector("[data-kept-photo]").src.split(",", 2)[1];
  const jpeg = await asJpeg(fromBase64(encoded));
  const { name, place } = form.elements;
  const spot = which.value
    ? { id: which.value, isNew: false }
    : { id: spotId, isNew: true, name: name.value.trim(), place: place.value };
  await keep({ ...answer, id: photoId, jpeg }, spot);
  await askToStay();
  const kept = await readOne(spot.id);
  const part = say(said, fill(copy("kept"), { name: titleOf(kept) }));
  const button = part.querySelector("[data-remind]");
  button.addEventListener("click", () => remind(whenToRemind(kept), button.dataset));
  form.hidden = true;
  part.tabIndex = -1;
  part.focus();
}

// One spot over time: two photos side by side or under a slider, its history, and what to do with it.

import { remind } from "./calendar.js";
import {
  copy,
  dayInWords,
  detailsOf,
  fill,
  inList,
  letGo,
  percent,
  say,
  sayTrouble,
  showPhoto,
  showStanding,
  siteName,
  timeOfDay,
  titleOf,
  toldInWords,
  wireConfirm,
} from "./show.js";
import { isReplaced, standing, tick, tickedAt, untick, whenToRemind } from "./standing.js";
import { StoreError, change, deletePhoto, deleteSpot, readOne, whenChanged } from "./store.js";

const URGENCY = ["no_signs", "unsure", "signs"];
// How soon a doctor should see it: ticks and a melanoma's look halve the time of the same answer.
const patience = ({ time, due }) => (due ? Date.parse(due) - Date.parse(time.slice(0, 10)) : Infinity);

const id = location.hash.slice(1);
const said = document.querySelector("[data-said]");
const actions = document.querySelector("[data-actions]");
const comparison = document.querySelector("[data-compare]");
const entries = document.querySelector("[data-history]");
const gone = document.querySelector("[data-gone]");
const [earlier, later] = ["earlier", "later"].map((name) => document.getElementById(name));
const rename = document.querySelector("[data-rename]");
let spot;

// The links to other languages lead to the same spot; no server sees what stands behind the "#".
for (const link of document.querySelectorAll(".language a")) link.hash = id;
addEventListener("hashchange", () => location.reload());

await refresh();
whenChanged((what) => (what === "newer" ? sayTrouble(said, { reason: "newer" }) : refresh()));

for (const select of [earlier, later]) select.addEventListener("change", () => chosen(select));
document.querySelector("[data-cut]").addEventListener("input", ({ target }) => {
  document.querySelector("[data-slide]").style.setProperty("--cut", `${target.value}%`);
});
document.querySelector("[data-print]").addEventListener("click", () => print());
actions.querySelector("[data-remind]").addEventListener("click", () => remind(whenToRemind(spot), actions.dataset));
rename.addEventListener("submit", async (event) => {
  event.preventDefault();
  const done = rename.querySelector("[data-renamed]");
  done.textContent = ""; // of the time before, which is read out again only if it was gone
  const { name, place } = rename.elements;
  const renamed = () => ({ name: name.value.trim(), place: place.value });
  if (await attempt(() => change(id, renamed))) done.textContent = done.dataset.done;
});
wireConfirm(document.querySelector("[data-delete-spot]"), async () => {
  const { after } = document.querySelector("[data-delete-spot]").dataset;
  await attempt(() => deleteSpot(id), () => location.replace(`${after}#deleted`));
});

// What is shown is read anew, but not where the page leaves: it would say that the spot is gone.
async function attempt(work, after = refresh) {
  say(said, null);
  try {
    await work();
  } catch (error) {
    sayTrouble(said, error);
    return false;
  }
  await after();
  return true;
}

async function refresh() {
  try {
    spot = await readOne(id);
    if (!spot?.photos.length) throw new StoreError("gone");
  } catch (error) {
    for (const part of document.querySelectorAll("[data-spot]")) part.hidden = true;
    return sayTrouble(said, error);
  }
  for (const part of document.querySelectorAll("[data-spot]")) part.hidden = false;
  const name = titleOf(spot);
  const place = spot.name ? siteName(spot.place) : "";
  document.querySelector("[data-heading]").textContent = name;
  fill(document.querySelector("main"), { name, place, first: spot.photos[0].time, count: spot.photos.length });
  document.querySelector("[data-place]").hidden = !place;
  showStanding(document.querySelector("[data-standing]"), spot, standing(spot), async (seen) => {
    await attempt(() => change(id, seen ? tick(spot) : untick(spot)));
    document.querySelector("[data-seen]")?.focus();
  });
  if (!rename.contains(document.activeElement)) {
    rename.elements.name.value = spot.name;
    rename.elements.place.value = spot.place;
  }
  actions.querySelector("[data-check]").href = `${actions.dataset.check}#spot=${spot.id}`;
  showHistory();
  offer();
}

function showHistory() {
  const photos = spot.photos.map((photo) => ({ time: photo.time, part: entry(photo) }));
  const ticks = spot.seen.map((time) => tickedAt(spot, time));
  const seen = ticks.map((time) => ({ time, part: fill(copy("seen"), { day: time }) }));
  const all = [...photos, ...seen].sort((one, other) => other.time.localeCompare(one.time));
  letGo(entries);
  entries.replaceChildren(...all.map(({ part }) => part));
}

function entry(photo) {
  const told = inList(toldInWords(photo.told));
  const { time, due, model } = photo;
  const part = fill(copy("photo"), { day: time, due, told, model, unsure: percent(photo.unsure), signs: percent(photo.signs) });
  showPhoto(part.querySelector("[data-photo]"), photo);
  part.querySelector("[data-tag]").replaceWith(copy(`tag-${photo.outcome}`));
  part.querySelector("[data-due]").hidden = !due || isReplaced(spot, photo);
  part.querySelector("[data-small]").hidden = !photo.replaceable;
  part.querySelector("[data-told]").hidden = !told;
  const details = detailsOf(photo.told);
  for (const each of part.querySelectorAll("[data-detail]")) each.hidden = !details[each.dataset.detail];
  fill(part.querySelector("[data-details]"), details).hidden = !Object.keys(details).length;
  const confirm = part.querySelector("[data-delete-photo]");
  if (spot.photos.length === 1) confirm.remove(); // it goes with its spot
  else wireConfirm(confirm, () => remove(photo));
  return part;
}

async function remove(photo) {
  if (!(await attempt(() => deletePhoto(photo.id)))) return;
  const part = say(gone, copy("gone"));
  part.tabIndex = -1;
  part.focus();
}

// The first and the last photo, until the person chooses.
function offer() {
  comparison.hidden = spot.photos.length < 2;
  if (comparison.hidden) return;
  const before = [earlier.value, later.value];
  const options = (photos) => photos.map((photo) => new Option(nameOf(photo), photo.id));
  earlier.replaceChildren(...options(spot.photos.slice(0, -1)));
  later.replaceChildren(...options(spot.photos.slice(1)));
  [earlier.value, later.value] = before;
  if (earlier.selectedIndex < 0) earlier.selectedIndex = 0;
  if (later.selectedIndex < 0) later.selectedIndex = later.options.length - 1;
  compare();
}

// Its day; with the time of day where several photos share one.
function nameOf(photo) {
  const day = dayInWords(photo.time);
  const shared = spot.photos.filter((other) => dayInWords(other.time) === day).length > 1;
  return shared ? `${day}, ${timeOfDay(photo.time)}` : day;
}

// The earlier photo must stay the earlier one: the other choice gives way.
function chosen(select) {
  const [first, last] = [earlier.selectedIndex, later.selectedIndex + 1];
  if (first >= last) {
    if (select === earlier) later.selectedIndex = first;
    else earlier.selectedIndex = last - 1;
  }
  compare();
}

function compare() {
  const [before, after] = [earlier, later].map((select) => spot.photos.find((photo) => photo.id === select.value));
  for (const [side, photo] of [["earlier", before], ["later", after]]) {
    const figure = fill(comparison.querySelector(`[data-side="${side}"]`), { day: photo.time });
    showPhoto(figure.querySelector("[data-photo]"), photo);
    figure.querySelector("[data-tag]").replaceChildren(copy(`tag-${photo.outcome}`));
    showPhoto(comparison.querySelector(`[data-slide] [data-${side}]`), photo);
  }
  fill(comparison, { left: before.time, right: after.time });
  comparison.querySelector("[data-changes]").replaceChildren(...changes(before, after));
}

// In words, and never the two numbers: a difference between them can come from light and distance alone.
function changes(before, after) {
  const graver = Math.sign(URGENCY.indexOf(after.outcome) - URGENCY.indexOf(before.outcome));
  const sooner = Math.sign(patience(before) - patience(after)) || 0;
  const step = graver * sooner < 0 ? "mixed" : graver || sooner;
  const larger = before.replaceable && after.outcome === "no_signs"; // which no small spot gets
  const down = larger ? "change-larger" : "change-down";
  const parts = [copy({ "-1": down, 0: "change-same", 1: "change-up", mixed: "change-mixed" }[step])];
  const told = toldInWords(Object.fromEntries(Object.entries(after.told).filter(([name]) => !before.told[name])));
  if (told.length) parts.push(fill(copy("change-told"), { told: inList(told) }));
  const [mine, its] = [before, after].map((photo) => JSON.stringify(detailsOf(photo.told)));
  if (mine !== its) parts.push(copy("change-details"));
  if (before.model !== after.model) parts.push(copy("change-model"));
  return parts;
}

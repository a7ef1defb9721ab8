// The page with all spots.

import { remind } from "./calendar.js";
import { exported, imported } from "./file.js";
import { merge } from "./merge.js";
import { copy, fill, letGo, save, say, sayTrouble, showPhoto, showStanding, siteName, titleOf, wireConfirm } from "./show.js";
import { standing, tick, today, untick, whenToRemind } from "./standing.js";
import { askToStay, change, deleteAll, readAll, whenChanged } from "./store.js";

const list = document.querySelector("[data-list]");
const cards = list.querySelector("[data-cards]");
const said = document.querySelector("[data-said]");
const moved = document.querySelector("[data-moved]");
const input = document.querySelector("#import");

await refresh();
if (location.hash === "#deleted") {
  say(said, copy("deleted-one"));
  history.replaceState(null, "", location.pathname + location.search);
}
whenChanged((what) => (what === "newer" ? sayTrouble(said, { reason: "newer" }) : refresh()));

document.querySelector("[data-export]").addEventListener("click", async ({ target }) => {
  await attempt(moved, async () => save(await exported(await readAll()), `${target.dataset.file}-${today()}.json`));
});
input.addEventListener("change", async () => {
  const [file] = input.files;
  if (!file) return;
  await attempt(moved, async () => {
    const counts = await merge(await imported(file));
    await askToStay();
    say(moved, fill(copy("imported"), counts));
  });
  input.value = "";
  await refresh();
});
wireConfirm(document.querySelector("[data-delete-all]"), async () => {
  await attempt(moved, async () => {
    await deleteAll();
    say(moved, copy("deleted-all"));
  });
  await refresh();
});

async function attempt(place, work) {
  try {
    await work();
  } catch (error) {
    sayTrouble(place, error);
  }
}

async function refresh() {
  let spots;
  try {
    spots = await readAll();
  } catch (error) {
    return sayTrouble(said, error);
  }
  spots = spots.filter((spot) => spot.photos.length).map((spot) => ({ spot, state: standing(spot) }));
  spots.sort(byUrgency);
  const focused = document.activeElement?.closest?.("[data-cards] > li");
  const again = focused && { id: focused.id, what: document.activeElement.dataset };
  letGo(cards);
  cards.replaceChildren(...spots.map(card));
  if (again) focusIn(document.getElementById(again.id), again.what);
  showLead(spots.map(({ state }) => state).filter((state) => state?.due));
  list.hidden = false;
  list.querySelector("[data-empty]").hidden = spots.length > 0;
  for (const part of document.querySelectorAll("[data-some]")) part.hidden = !spots.length;
}

// After a tick the same box stands in a new card.
function focusIn(part, what) {
  const name = Object.keys(what).find((each) => ["seen", "remind", "check", "compare"].includes(each));
  if (name) part?.querySelector(`[data-${name}]`)?.focus();
}

// Open visits first, the earliest date on top; then the rest, newest first.
function byUrgency(one, other) {
  const [mine, its] = [one, other].map(({ state }) => state?.due ?? "9999");
  return mine.localeCompare(its) || other.spot.photos.at(-1).time.localeCompare(one.spot.photos.at(-1).time);
}

function showLead(open) {
  const lead = document.querySelector("[data-lead]");
  const overdue = open.filter(({ state }) => state === "overdue").length;
  const said = (part, count) => fill(copy(`${part}-${count === 1 ? "one" : "many"}`), { count });
  lead.hidden = !open.length;
  lead.replaceChildren(...(open.length ? [said("lead", open.length)] : []), ...(overdue ? [said("overdue", overdue)] : []));
}

function card({ spot, state }) {
  const latest = spot.photos.at(-1);
  const name = titleOf(spot);
  const place = spot.name ? siteName(spot.place) : "";
  const part = fill(copy("card"), { name, place, last: latest.time, again: latest.again });
  part.querySelector("[data-place]").hidden = !place;
  part.id = `spot-${spot.id}`;
  showPhoto(part.querySelector("[data-photo]"), latest, name);
  part.querySelector("[data-tag]").append(copy(`tag-${latest.outcome}`));
  showStanding(part.querySelector("[data-standing]"), spot, state, async (seen) => {
    await attempt(said, () => change(spot.id, seen ? tick(spot) : untick(spot)));
    await refresh();
  });
  part.querySelector("[data-again]").hidden = !latest.again || Boolean(state?.due);
  const several = spot.photos.length > 1;
  for (const each of part.querySelectorAll("[data-several]")) each.hidden = !several;
  for (const each of part.querySelectorAll("[data-single]")) each.hidden = several;
  const strip = part.querySelector("[data-strip]");
  strip.hidden = !several;
  for (const photo of several ? spot.photos.slice(-4) : []) {
    const item = fill(copy("strip"), { day: photo.time });
    showPhoto(item.querySelector("[data-photo]"), photo);
    strip.append(item);
  }
  part.querySelector("[data-check]").href = `${list.dataset.check}#spot=${spot.id}`;
  part.querySelector("[data-compare]").href = `${list.dataset.compare}#${spot.id}`;
  part.querySelector("[data-remind]").addEventListener("click", () => remind(whenToRemind(spot), list.dataset));
  return part;
}

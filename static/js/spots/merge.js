// Another export's spots come in. What is here keeps its standing, but for what new photos bring.

import { isMet, tickedAt, unmet } from "./standing.js";
import { write } from "./store.js";

/**
 * Adds what is not there yet. A spot that is there keeps its name and its ticks.
 *
 * Returns how many photos were added and how many were there already.
 */
export function merge(foreign) {
  return write(async (spots, photos) => {
    const counts = { added: 0, known: 0 };
    for (const { photos: itsPhotos, ...its } of foreign) {
      const known = await spots.get(its.id);
      const here = await photos.index("spot").getAll(its.id);
      const added = [];
      for (const photo of itsPhotos) {
        if (await photos.getKey(photo.id)) counts.known += 1;
        else {
          counts.added += 1;
          added.push(photo);
          await photos.put({ ...photo, spot: its.id });
        }
      }
      await spots.put(known ? { ...known, ...takenOver({ ...known, photos: here }, its, added) } : its);
    }
    return counts;
  });
}

/**
 * The ticks and visits of a spot that is there, with those that come in with its new photos.
 *
 * The file may be older than a tick that was taken back here since, and a tick covers all photos up to it. So one
 * is taken over as far as it covers what is new, and only before the first visit that is open here.
 */
function takenOver(mine, its, added) {
  const times = new Set([...mine.photos, ...mine.advised].map(({ time }) => time));
  const visits = its.advised.filter(({ time }) => !times.has(time));
  const open = unmet(mine).map(({ time }) => time);
  const met = [...added.filter(({ due }) => due), ...visits]
    .filter((photo) => !isMet(mine, photo) && open.every((time) => photo.time < time))
    .map(({ time }) => time);
  const seen = new Set(mine.seen);
  const ticked = { ...mine.ticked };
  for (const tick of [...its.seen].sort()) {
    const last = met.filter((time) => time <= tick).sort().at(-1);
    if (!last || seen.has(last)) continue;
    seen.add(last);
    ticked[last] = tickedAt(its, tick);
  }
  return { seen: [...seen].sort(), ticked, advised: [...mine.advised, ...visits] };
}

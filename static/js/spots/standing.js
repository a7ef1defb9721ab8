// Which doctor's visit is open. Pure functions.

/** Today in the person's own time zone, as an ISO day. */
export function today() {
  const now = new Date();
  return isoDay(now);
}

export function isoDay(date) {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

// Every advice of a visit, the oldest first: of the photos that are kept, and of those that were deleted.
const advice = (spot) =>
  [...spot.photos.filter((photo) => photo.due), ...spot.advised].sort((one, other) => one.time.localeCompare(other.time));

const isMet = (spot, photo) => spot.seen.some((time) => time >= photo.time);

/**
 * Where a spot stands with its doctor.
 *
 * The earliest date that no tick has met counts, whatever later photos say: a milder answer takes nothing
 * back. A tick covers the photos up to it, so that a later warning brings a date of its own.
 *
 * Returns null where no answer ever advised a visit, or `{ state, photo, due, ticked }` with a state of
 * "open", "overdue" or "met"; `photo` is the one whose answer advised it, or what is left of it.
 */
export function standing(spot) {
  const advised = advice(spot);
  if (!advised.length) return null;
  const unmet = advised.filter((photo) => !isMet(spot, photo));
  if (!unmet.length) return { state: "met", photo: advised.at(-1), due: null, ticked: [...spot.seen].sort().at(-1) };
  const photo = unmet.reduce((first, other) => (other.due < first.due ? other : first));
  return { state: photo.due < today() ? "overdue" : "open", photo, due: photo.due, ticked: null };
}

/** What a tick changes: it covers every photo that is kept now, even if this device's clock is behind. */
export function tick(spot) {
  const now = new Date().toISOString();
  const latest = [...spot.photos, ...spot.advised].map(({ time }) => time).sort().at(-1);
  return (stored) => ({ seen: [...stored.seen, now > latest ? now : latest] });
}

/** What taking it back changes: no tick covers the last advice any more. */
export function untick(spot) {
  const last = advice(spot).at(-1).time;
  return (stored) => ({ seen: stored.seen.filter((time) => time < last) });
}

/** The day for a reminder: the open visit, else the advised second look, else in four weeks. */
export function dayToRemind(spot) {
  const open = standing(spot);
  if (open?.due) return open.due < today() ? today() : open.due;
  const again = spot.photos.at(-1)?.again;
  if (again && again > today()) return again;
  const later = new Date();
  later.setDate(later.getDate() + 28);
  return isoDay(later);
}

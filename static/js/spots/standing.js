// Which doctor's visit is open. Pure functions.

/** Today in the person's own time zone, as an ISO day. */
export function today() {
  const now = new Date();
  return isoDay(now);
}

export function isoDay(date) {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

export const isMet = (spot, photo) => spot.seen.some((time) => time >= photo.time);

/**
 * Whether a later "no signs" counts instead: of an answer that was unsure only because the spot was small in its
 * photo. No small spot gets "no signs", so it was larger then.
 */
export const isReplaced = (spot, photo) =>
  Boolean(photo.replaceable) &&
  spot.photos.some((other) => other.time > photo.time && other.outcome === "no_signs");

// Every advice of a visit, the oldest first: of the photos that are kept, and of those that were deleted.
const advice = (spot) =>
  [...spot.photos.filter((photo) => photo.due), ...spot.advised]
    .filter((photo) => isMet(spot, photo) || !isReplaced(spot, photo))
    .sort((one, other) => one.time.localeCompare(other.time));

/** The advice of a visit that no tick has met yet. */
export const unmet = (spot) => advice(spot).filter((photo) => !isMet(spot, photo));

/**
 * Where a spot stands with its doctor.
 *
 * The earliest date that no tick has met counts, whatever later photos say. A milder answer takes nothing
 * back; the one exception is `isReplaced`. A tick covers the photos up to it, so that a later warning brings a
 * date of its own.
 *
 * Returns null where no answer ever advised a visit, or `{ state, photo, due, ticked }` with a state of
 * "open", "overdue" or "met"; `photo` is the one whose answer advised it, or what is left of it.
 */
export function standing(spot) {
  const advised = advice(spot);
  if (!advised.length) return null;
  const open = unmet(spot);
  if (!open.length) return { state: "met", photo: advised.at(-1), due: null, ticked: tickedAt(spot, [...spot.seen].sort().at(-1)) };
  const photo = open.reduce((first, other) => (other.due < first.due ? other : first));
  return { state: photo.due < today() ? "overdue" : "open", photo, due: photo.due, ticked: null };
}

/** When a tick was set that covers the photos up to a time; earlier versions kept only the former, as the latter. */
export const tickedAt = (spot, time) => spot.ticked?.[time] ?? time;

/**
 * What a tick changes: it covers every photo that is kept now, and none that comes later.
 *
 * A photo has the server's time. By this device's own clock, where that is ahead, a tick would meet warnings to
 * come; it only says on which day the tick was set.
 */
export function tick(spot) {
  const now = new Date().toISOString();
  const latest = [...spot.photos, ...spot.advised].map(({ time }) => time).sort().at(-1);
  return (stored) => ({
    seen: [...new Set([...stored.seen, latest])],
    ticked: { ...stored.ticked, [latest]: now > latest ? now : latest },
  });
}

/** What taking it back changes: no tick covers the last advice any more. */
export function untick(spot) {
  const last = advice(spot).at(-1).time;
  return (stored) => ({
    seen: stored.seen.filter((time) => time < last),
    ticked: Object.fromEntries(Object.entries(stored.ticked ?? {}).filter(([time]) => time < last)),
  });
}

/**
 * The day for a reminder: the open visit's, else the advised second look's, else one in four weeks. For a visit also
 * the day to call, tomorrow: on its last day no appointment is to be had. What is due by then is reminded of tomorrow.
 */
export function whenToRemind(spot) {
  const open = standing(spot);
  if (open?.due) {
    return { day: open.due > today() ? open.due : inDays(1), call: inDays(1) };
  }
  const again = spot.photos.at(-1)?.again;
  return { day: again && again > today() ? again : inDays(28), call: null };
}

function inDays(number) {
  const later = new Date();
  later.setDate(later.getDate() + number);
  return isoDay(later);
}

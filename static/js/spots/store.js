// "My spots" in this browser's IndexedDB. Nothing here talks to a server.

import "../../vendor/idb/umd.js";
import { STEPS } from "./migrations.js";

const { openDB } = globalThis.idb;

const NAME = "spots";
const BOTH = ["spots", "photos"];
const PATIENCE = 4000; // milliseconds for an older page in another tab to let go

/** What can go wrong, by the names of the pages' templates: full, forbidden, newer, blocked, gone, other. */
export class StoreError extends Error {
  constructor(reason, cause) {
    super(reason, { cause });
    this.reason = reason;
  }
}

let opened; // a promise of the database
const others = "BroadcastChannel" in window ? new BroadcastChannel(NAME) : null;
const listeners = [];

/** Calls back when another tab has changed something, or when this one is looked at again. */
export function whenChanged(listener) {
  listeners.push(listener);
}
others?.addEventListener("message", ({ data }) => tell(data));
document.addEventListener("visibilitychange", () => document.hidden || tell("changed"));

function tell(what) {
  for (const listener of listeners) listener(what);
}

function open() {
  opened ??= connect().catch((error) => {
    opened = null;
    throw asStoreError(error);
  });
  return opened;
}

async function connect() {
  let late;
  const blocked = new Promise((_, reject) => (late = reject));
  const connection = openDB(NAME, STEPS.length, {
    async upgrade(db, from, to, transaction) {
      for (const step of STEPS.slice(from)) await step(db, transaction);
    },
    blocked: () => setTimeout(() => late(new StoreError("blocked")), PATIENCE),
    // A newer page in another tab waits for this one.
    blocking(_current, _wanted, event) {
      event.target.close();
      opened = Promise.reject(new StoreError("newer"));
      opened.catch(() => {});
      tell("newer");
    },
    terminated: () => (opened = null), // for example when the person clears the browser's data
  });
  // Opened after all, when nobody waits any more.
  connection.then((db) => blocked.catch(() => db.close())).catch(() => {});
  return Promise.race([connection, blocked]);
}

function asStoreError(error) {
  if (error instanceof StoreError) return error;
  const reasons = { QuotaExceededError: "full", VersionError: "newer" };
  const forbidden = ["SecurityError", "InvalidStateError", "NotAllowedError", "UnknownError"];
  if (!("indexedDB" in window) || error instanceof ReferenceError) return new StoreError("forbidden", error);
  return new StoreError(reasons[error?.name] ?? (forbidden.includes(error?.name) ? "forbidden" : "other"), error);
}

/** Does one transaction: all of it or nothing. `work` must not wait for anything but the stores. */
export async function write(work) {
  const db = await open();
  let transaction;
  try {
    transaction = db.transaction(BOTH, "readwrite");
    const result = await work(transaction.objectStore("spots"), transaction.objectStore("photos"));
    await transaction.done;
    others?.postMessage("changed");
    return result;
  } catch (error) {
    transaction?.done.catch(() => {});
    try {
      transaction?.abort();
    } catch {
      // It has ended by itself.
    }
    // A transaction that ran out of room says so itself, whatever the request in it said.
    throw asStoreError(transaction?.error ?? error);
  }
}

/** Returns all spots, each with its `photos`, the oldest first. */
export async function readAll() {
  const db = await open();
  try {
    const transaction = db.transaction(BOTH);
    const [spots, photos] = await Promise.all(BOTH.map((name) => transaction.objectStore(name).getAll()));
    photos.sort((one, other) => one.time.localeCompare(other.time));
    return spots.map((spot) => ({ ...spot, photos: photos.filter((photo) => photo.spot === spot.id) }));
  } catch (error) {
    throw asStoreError(error);
  }
}

/** Returns one spot with its photos; null if there is none. */
export async function readOne(id) {
  return (await readAll()).find((spot) => spot.id === id) ?? null;
}

/** Keeps a photo with its answer, with a new spot or one that is there. */
export function keep(photo, spot) {
  return write(async (spots, photos) => {
    const known = await spots.get(spot.id);
    if (spot.isNew) await spots.put({ id: spot.id, name: spot.name, place: spot.place, seen: [], advised: [] });
    else if (!known) throw new StoreError("gone");
    await photos.put({ ...photo, spot: spot.id });
  });
}

/** Changes one spot, as it is at that moment: another tab may have changed or deleted it. */
export function change(id, changes) {
  return write(async (spots) => {
    const spot = await spots.get(id);
    if (!spot) throw new StoreError("gone");
    await spots.put({ ...spot, ...changes(spot) });
  });
}

export function deleteSpot(id) {
  return write(async (spots, photos) => {
    const keys = await photos.index("spot").getAllKeys(id);
    await Promise.all([spots.delete(id), ...keys.map((key) => photos.delete(key))]);
  });
}

/**
 * Deletes one photo, and its spot with the last one.
 *
 * What stays of it is the visit that it advised, which only a doctor's look ends.
 */
export function deletePhoto(id) {
  return write(async (spots, photos) => {
    const photo = await photos.get(id);
    if (!photo) return; // another tab has done it
    await photos.delete(id);
    if (!(await photos.index("spot").count(photo.spot))) {
      await spots.delete(photo.spot);
    } else if (photo.due) {
      const spot = await spots.get(photo.spot);
      const { time, due, outcome, replaceable = false } = photo;
      await spots.put({ ...spot, advised: [...spot.advised, { time, due, outcome, replaceable }] });
    }
  });
}

export function deleteAll() {
  return write((spots, photos) => Promise.all([spots.clear(), photos.clear()]));
}

/** A random name. Not crypto.randomUUID: browsers have it over https only. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Asks the browser not to drop the spots when it needs room. It may ask the person, or refuse. */
export async function askToStay() {
  try {
    await navigator.storage?.persist?.();
  } catch {
    // They are kept all the same, as long as there is room.
  }
}

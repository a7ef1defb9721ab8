// How the store came to be, step by step: an app's version of the store is the number of steps it knows.
// A published step is never changed. What a later app needs is a further step, which finds what the ones
// before have left and takes it over.
//
// A spot:  { id, name, place, seen, ticked, advised }   seen: times up to which a doctor has seen its photos;
//          ticked: { [such a time]: when that was ticked }, which older ticks lack;
//          advised: { time, due, outcome, replaceable } of photos that are deleted, but whose advised visit still counts
// A photo: { id, spot, time, due, again, replaceable, outcome, verdict, confidence, signs, unsure, told, model, jpeg }
// What was kept before there was a `replaceable` has none: no later photo takes its visit back.
// Times are ISO 8601 in UTC, days (due, again) ISO 8601; jpeg is an ArrayBuffer, since Safari's private
// windows refuse a Blob.

export const STEPS = [
  (db) => {
    db.createObjectStore("spots", { keyPath: "id" });
    db.createObjectStore("photos", { keyPath: "id" }).createIndex("spot", "spot");
  },
  async (_db, transaction) => {
    const spots = transaction.objectStore("spots");
    for (const spot of await spots.getAll()) await spots.put({ ...spot, advised: [] });
  },
];

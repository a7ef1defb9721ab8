// Filling the pages' templates. Every word stands in them; here are only values.

const locale = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const days = new Intl.DateTimeFormat(locale, { dateStyle: "long" });
const shortDays = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" }); // with spaces to break at
const times = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
const lists = new Intl.ListFormat(locale, { type: "conjunction" });
const percents = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 2 });
const names = document.querySelector("template[data-names]").content;

/** A day in words. `value` is an ISO day, or a time, which counts in the person's own time zone. */
export function dayInWords(value, format = days) {
  return format.format(value.length === 10 ? new Date(`${value}T12:00`) : new Date(value));
}

export const timeOfDay = (time) => times.format(new Date(time));
export const inList = (texts) => lists.format(texts);
export const percent = (share) => percents.format(share);
export const siteName = (value) => names.querySelector(`[data-site="${CSS.escape(value)}"]`)?.textContent ?? "";
const questionName = (value) => names.querySelector(`[data-question="${CSS.escape(value)}"]`)?.textContent;

/** What the person ticked for a photo, in words. */
export const toldInWords = (told) => Object.keys(told).map(questionName).filter(Boolean);

/** Age, sex and place as they were told for a photo, in words; the place is not the spot's own, which may change. */
export function detailsOf({ age, sex, site }) {
  const sexName = names.querySelector(`[data-sex="${CSS.escape(sex ?? "")}"]`)?.textContent;
  const all = { age, sex: sexName, site: siteName(site ?? "") };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value || value === 0));
}

/** The spot's name, else its place, else the day of its first photo. */
export function titleOf(spot) {
  const unnamed = names.querySelector("[data-unnamed]").textContent;
  const first = spot.photos[0]?.time ?? new Date().toISOString();
  return spot.name || siteName(spot.place) || unnamed.replace("{day}", dayInWords(first));
}

/** Copies what a template holds. */
export function copy(part) {
  return document.querySelector(`template[data-part="${part}"]`).content.firstElementChild.cloneNode(true);
}

/** Writes values where `data-fill` names them; a `<time>` gets its day in words. Returns the part. */
export function fill(part, values) {
  for (const place of part.querySelectorAll("[data-fill]")) {
    const value = values[place.dataset.fill];
    if (value === undefined || value === null) continue;
    if (place.tagName === "TIME") {
      place.dateTime = value;
      place.textContent = dayInWords(value, "short" in place.dataset ? shortDays : days);
    } else {
      place.textContent = value;
    }
  }
  return part;
}

/** Shows a kept photo in an `<img>`. */
export function showPhoto(image, photo, name) {
  if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(new Blob([photo.jpeg], { type: "image/jpeg" }));
  if (name !== undefined) image.alt = image.dataset.alt.replace("{name}", name);
}

/** Lets go of the photos in a part of the page that is about to be replaced. */
export function letGo(part) {
  for (const image of part.querySelectorAll('img[src^="blob:"]')) URL.revokeObjectURL(image.src);
}

/** Says in a place of the page what went wrong, or nothing. */
export function say(place, part) {
  place.replaceChildren(...(part ? [part] : []));
  return part;
}

export function sayTrouble(place, error) {
  const part = say(place, copy(`trouble-${error.reason ?? "other"}`));
  part.tabIndex = -1;
  part.focus();
  if (!error.reason) throw error; // not ours: the browser's console must say what it is
}

/** Hands a file that was made here to the browser to save. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a slow disk still reads from it
}

/** A question before something is lost: "keep it" closes it, and the focus goes back. */
export function wireConfirm(confirm, doIt) {
  const close = () => {
    confirm.open = false;
    confirm.querySelector("summary").focus();
  };
  confirm.querySelector("[data-close]").addEventListener("click", close);
  confirm.querySelector("[data-delete]").addEventListener("click", async () => {
    await doIt();
    confirm.open = false;
  });
}

/** The visit that is open or met, with its tick; an empty place where no visit was ever advised. */
export function showStanding(place, spot, state, seen) {
  place.replaceChildren();
  if (!state) return;
  const part = fill(copy(`standing-${state.state}`), { due: state.due, ticked: state.ticked, advised: state.photo.time });
  part.classList.add(state.photo.outcome.replaceAll("_", "-"));
  const { replaceable } = state.photo;
  const hidden = { later: replaceable || state.photo === spot.photos.at(-1), larger: !replaceable };
  for (const why of part.querySelectorAll("[data-why]")) why.hidden = hidden[why.dataset.why];
  const box = part.querySelector("[data-seen]");
  box.addEventListener("change", () => seen(box.checked));
  place.append(part);
}

// A reminder for the person's own calendar (RFC 5545): a title that tells nothing, a day and the page's address.

import { newId } from "./store.js";
import { save } from "./show.js";

const LONGEST = 75; // bytes of a line

/**
 * Makes the file and hands it to the browser to save.
 *
 * Arguments:
 *   when: As `whenToRemind` gives it.
 *   words: The titles for a visit that is still to be made and for a second look, file and link.
 */
export function remind({ day, call }, { callTitle, lookTitle, file, link }) {
  const entry = call ? calendar(day, callTitle, link, daysBetween(call, day)) : calendar(day, lookTitle, link);
  save(new Blob([entry], { type: "text/calendar" }), `${file}.ics`);
}

function calendar(day, title, link, daysAhead = 0) {
  const [start, end] = [day, dayAfter(day)].map((each) => each.replaceAll("-", ""));
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//skin-cancer-detector//spots//EN",
    "BEGIN:VEVENT",
    `UID:${newId()}`,
    `DTSTAMP:${now}`,
    `DTSTART;VALUE=DATE:${start}`,
    `DTEND;VALUE=DATE:${end}`,
    `SUMMARY:${escaped(title)}`,
    `URL:${link}`,
    `DESCRIPTION:${escaped(link)}`,
    "TRANSP:TRANSPARENT",
    ...[...new Set([daysAhead, 0])].flatMap((days) => alarm(title, days)),
    "END:VEVENT",
    "END:VCALENDAR",
  ];
  return lines.map((line) => `${folded(line)}\r\n`).join("");
}

/** Rings at nine in the morning, so many days before the day that begins at midnight. */
function alarm(title, daysAhead) {
  const trigger = daysAhead ? `-P${daysAhead - 1}DT15H` : "PT9H"; // whole days: some have 23 hours, some 25
  return ["BEGIN:VALARM", "ACTION:DISPLAY", `DESCRIPTION:${escaped(title)}`, `TRIGGER:${trigger}`, "END:VALARM"];
}

const daysBetween = (one, other) => Math.round((new Date(`${other}T00:00Z`) - new Date(`${one}T00:00Z`)) / 86_400_000);

function dayAfter(day) {
  const date = new Date(`${day}T00:00Z`);
  date.setUTCDate(date.getUTCDate() + 1);
  return date.toISOString().slice(0, 10);
}

const escaped = (text) => text.replace(/[\\;,]/g, "\\$&").replace(/\n/g, "\\n");

function folded(line) {
  const parts = [""];
  for (const letter of line) {
    const longer = parts.at(-1) + letter;
    if (new TextEncoder().encode(longer).length <= LONGEST) parts[parts.length - 1] = longer;
    else parts.push(` ${letter}`);
  }
  return parts.join("\r\n");
}

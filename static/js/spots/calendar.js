// A reminder for the person's own calendar (RFC 5545): a title that tells nothing, a day and the page's address.

import { newId } from "./store.js";
import { save } from "./show.js";

const LONGEST = 75; // bytes of a line

/** Makes the file and hands it to the browser to save. `words` holds title, file and link. */
export function remind(day, { title, file, link }) {
  save(new Blob([calendar(day, title, link)], { type: "text/calendar" }), `${file}.ics`);
}

function calendar(day, title, link) {
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
    "BEGIN:VALARM",
    "ACTION:DISPLAY",
    `DESCRIPTION:${escaped(title)}`,
    "TRIGGER:PT9H", // nine in the morning of the day
    "END:VALARM",
    "END:VEVENT",
    "END:VCALENDAR",
  ];
  return lines.map((line) => `${folded(line)}\r\n`).join("");
}

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

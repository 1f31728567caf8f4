// @ts-check
/** Times as people read them. All take milliseconds since 1970. */

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
});
const shortDayFormat = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});

function isToday(/** @type {number} */ ts) {
  return new Date(ts).toDateString() === new Date().toDateString();
}

/** @param {number} ts */
export function timeWords(ts) {
  return timeFormat.format(ts);
}

/** @param {number} ts */
export function fullWords(ts) {
  return fullFormat.format(ts);
}

/** @param {number} ts */
export function dayWords(ts) {
  if (isToday(ts)) return "Today";
  const yesterday = new Date();
  yesterday.setDate(yesterday.getDate() - 1);
  const isYesterday = new Date(ts).toDateString() === yesterday.toDateString();
  return isYesterday ? "Yesterday" : dayFormat.format(ts);
}

/** A time to come; with its day where that is not today. */
export function untilWords(/** @type {number} */ ts) {
  return `until ${isToday(ts) ? timeFormat.format(ts) : shortDayFormat.format(ts)}`;
}

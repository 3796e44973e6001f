// Numbers, dates and sizes as a person reads them.

const numbers = new Intl.NumberFormat();
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });

export const number = (value) => numbers.format(value);

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** Wall-clock time without a zone, as the camera wrote it. */
export function wallClock(text, withTime = true) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return (withTime ? dayAndTime : day).format(date);
}

/** A moment of this machine's own records (UTC without a zone), in the person's time. */
export const moment = (text) => dayAndTime.format(new Date(`${text}Z`));

/** Minutes east of UTC as "UTC+2", "UTC-3:30". */
export function offset(minutes) {
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  if (minutes === 0) return "UTC";
  return `UTC${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

export function bytes(value) {
  const units = ["B", "KB", "MB", "GB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size.toFixed(unit === 0 || size >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Seconds as "about 3 min". */
export function duration(seconds) {
  if (seconds < 60) return "less than a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest = Math.round((minutes % 60) / 5) * 5;
  if (hours >= 24) return `about ${counted(Math.round(hours / 24), "day")}`;
  return rest && rest < 60 ? `about ${hours} h ${rest} min` : `about ${hours + (rest === 60 ? 1 : 0)} h`;
}

/** Exposure time as on the camera's dial. */
export function exposure(seconds) {
  if (seconds >= 0.4) return `${Number(seconds.toFixed(1))} s`;
  return `1/${number(Math.round(1 / seconds))} s`;
}

export function place(latitude, longitude) {
  const part = (value, positive, negative) => `${Math.abs(value).toFixed(4)}° ${value >= 0 ? positive : negative}`;
  return `${part(latitude, "N", "S")}, ${part(longitude, "E", "W")}`;
}

/** The last two parts of a path: enough to recognise a folder by. */
export function shortPath(path) {
  const parts = path.split("/").filter(Boolean);
  return parts.length > 2 ? `… / ${parts.slice(-2).join(" / ")}` : path;
}

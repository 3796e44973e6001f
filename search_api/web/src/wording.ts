// Numbers, dates and sizes as a person reads them.

const numbers = new Intl.NumberFormat();
const day = { dateStyle: "long" } as const;
const dayAndTime = { dateStyle: "long", timeStyle: "short" } as const;
// What a camera wrote has no zone, and must not be moved by this one's.
const wallDay = new Intl.DateTimeFormat(undefined, { ...day, timeZone: "UTC" });
const wallDayAndTime = new Intl.DateTimeFormat(undefined, { ...dayAndTime, timeZone: "UTC" });
const ownDay = new Intl.DateTimeFormat(undefined, day);
const ownDayAndTime = new Intl.DateTimeFormat(undefined, dayAndTime);

export const number = (value: number): string => numbers.format(value);

const rough = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });

/** A number that must be short: "12.4K". */
export const short = (value: number): string => rough.format(value);

export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : many}`;

/** Wall-clock time without a zone, as the camera wrote it. */
export function wallClock(text: string, withTime = true): string {
  const date = new Date(text.includes("T") ? `${text}Z` : text);
  if (Number.isNaN(date.getTime())) return text;
  return (withTime ? wallDayAndTime : wallDay).format(date);
}

const month = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric", timeZone: "UTC" });
const shortMonth = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric", timeZone: "UTC" });

/** "2021-06" as "June 2021". */
export const monthName = (text: string, short = false): string =>
  text ? (short ? shortMonth : month).format(new Date(`${text.slice(0, 7)}-01T00:00:00Z`)) : "";

/** A moment of this machine's own records (UTC without a zone), in the person's time. */
export const moment = (text: string, withTime = true): string => (withTime ? ownDayAndTime : ownDay).format(recorded(text));

const recorded = (text: string): Date => new Date(/Z|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);

const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** The time of day of such a moment. */
export const clock = (text: string): string => time.format(recorded(text));

/** Minutes east of UTC as "UTC+2", "UTC−3:30". */
export function offset(minutes: number): string {
  if (minutes === 0) return "UTC";
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes < 0 ? "−" : "+"}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}

export function bytes(value: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size.toFixed(unit === 0 || size >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Seconds as "about 3 min". */
export function duration(seconds: number): string {
  if (seconds < 60) return "less than a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `about ${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest = Math.round((minutes % 60) / 5) * 5;
  if (hours >= 24) return `about ${counted(Math.round(hours / 24), "day")}`;
  return rest && rest < 60 ? `about ${hours} h ${rest} min` : `about ${hours + (rest === 60 ? 1 : 0)} h`;
}

/** Exposure time as on the camera's dial. */
export function exposure(seconds: number): string {
  if (seconds >= 0.4) return `${Number(seconds.toFixed(1))} s`;
  return `1/${number(Math.round(1 / seconds))} s`;
}

export function position(latitude: number, longitude: number, digits = 4): string {
  const part = (value: number, positive: string, negative: string) =>
    `${Math.abs(value).toFixed(digits)}° ${value >= 0 ? positive : negative}`;
  return `${part(latitude, "N", "S")}, ${part(longitude, "E", "W")}`;
}

export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1) || path;
export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

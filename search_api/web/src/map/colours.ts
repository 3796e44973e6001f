// What points are coloured by: from a column to a few classes, their colours and the legend.

import { t } from "../texts";
import { monthName, wallClock } from "../wording";

export const COLOUR_KEYS = ["group", "date", "camera", "country", "city", "format", "rating"] as const;
export type ColourKey = (typeof COLOUR_KEYS)[number];
export type Scheme = "light" | "dark";

/** A class of photos that share a colour. */
export interface Shade {
  label: string;
  colour: string;
  photos: number;
}

export interface Shading {
  shades: Shade[];
  /** The number of each row's shade. */
  of: Uint8Array<ArrayBuffer>;
}

// Okabe and Ito's colours, which people with any colour vision tell apart, and five more between them; each at least 3:1
// on the map's ground.
const APART: Record<Scheme, string[]> = {
  light: ["#0072b2", "#c8500a", "#00805f", "#b3478f", "#8a6d00", "#2a93c9", "#7a4fc4", "#a32f3c", "#4f7d1c", "#5b6470"],
  dark: ["#4aa8e8", "#ff8f4a", "#2fc79a", "#ef90cb", "#e6cf45", "#8fd3ff", "#b79cff", "#ff8b93", "#a5d65e", "#aeb8c4"],
};
// From early to late, from few to many: light to dark on light ground, the other way round on dark.
const ORDERED: Record<Scheme, string[]> = {
  light: ["#d9a441", "#cf7a34", "#c0503f", "#a32f5a", "#7d2a78", "#57308a", "#35348c", "#1f2f6b"],
  dark: ["#5a5fd0", "#8a5fd8", "#b95fce", "#df62b0", "#f5708a", "#fd8d68", "#fbb35a", "#f4de7a"],
};
const REST: Record<Scheme, string> = { light: "#8b857b", dark: "#8f887d" };
const UNKNOWN: Record<Scheme, string> = { light: "#b5aea3", dark: "#5d5850" };
/** Points that a search does not find. */
export const UNLIT: Record<Scheme, string> = { light: "#ddd8cf", dark: "#3b3834" };

const MOST_VALUES = 10;
const MOST_SPANS = 8;

export const groupColour = (cluster: number, scheme: Scheme): string => {
  const all = APART[scheme];
  return cluster < 0 ? UNKNOWN[scheme] : (all[cluster % all.length] as string);
};

/** A colour for each group; those that share one lie apart, for groups are numbered by size. */
export function byGroup(cluster: ArrayLike<number>, scheme: Scheme): Shading {
  const colours = APART[scheme].length;
  const of = new Uint8Array(cluster.length);
  const photos = new Array<number>(colours + 1).fill(0);
  for (let row = 0; row < cluster.length; row += 1) {
    const at = cluster[row] as number;
    const shade = at < 0 ? 0 : 1 + (at % colours);
    of[row] = shade;
    photos[shade]! += 1;
  }
  const colour = [UNKNOWN[scheme], ...APART[scheme]];
  return { shades: colour.map((each, at) => ({ label: at ? "" : t.map.noGroup, colour: each, photos: photos[at] as number })), of };
}

/** The most frequent values, each in a colour of its own; then all others, then what is not known. */
export function byValue(values: ArrayLike<string | null>, scheme: Scheme): Shading {
  const counts = new Map<string, number>();
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row];
    if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const frequent = [...counts].sort((one, other) => other[1] - one[1] || one[0].localeCompare(other[0]));
  const named = frequent.slice(0, frequent.length > MOST_VALUES ? MOST_VALUES - 1 : MOST_VALUES);
  const place = new Map(named.map(([value], at) => [value, at + 2]));
  const shades: Shade[] = [
    { label: t.map.notKnown, colour: UNKNOWN[scheme], photos: 0 },
    { label: t.map.others, colour: REST[scheme], photos: 0 },
    ...named.map(([label], at) => ({ label, colour: APART[scheme][at] as string, photos: 0 })),
  ];
  return counted(shades, values.length, (row) => (values[row] ? (place.get(values[row] as string) ?? 1) : 0));
}

/** Spans of years, months or days that hold about as many photos each, early to late. Days since 1970; null: no date. */
export function byDate(days: ArrayLike<number | null>, scheme: Scheme): Shading {
  const unit = unitOf(days);
  const counts = new Map<string, number>();
  const periods = new Array<string | null>(days.length);
  const known = new Map<number, string>();
  for (let row = 0; row < days.length; row += 1) {
    const day = days[row];
    let period: string | null = null;
    if (day !== null && day !== undefined) {
      period = known.get(day) ?? new Date(day * 86_400_000).toISOString().slice(0, unit);
      known.set(day, period);
      counts.set(period, (counts.get(period) ?? 0) + 1);
    }
    periods[row] = period;
  }
  const sorted = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  const spans = sorted.length <= MOST_SPANS ? sorted.map(([period]) => [period]) : evenSpans(sorted);
  const colours = spread(ORDERED[scheme], spans.length);
  const place = new Map(spans.flatMap((span, at) => span.map((period) => [period, at + 1])));
  const shades: Shade[] = [
    { label: t.map.noDate, colour: UNKNOWN[scheme], photos: 0 },
    ...spans.map((span, at) => ({ label: spanName(span), colour: colours[at] as string, photos: 0 })),
  ];
  return counted(shades, days.length, (row) => (periods[row] ? (place.get(periods[row] as string) as number) : 0));
}

/** No stars to five. */
export function byRating(stars: ArrayLike<number | null>, scheme: Scheme): Shading {
  const colours = spread(ORDERED[scheme], 5);
  const shades: Shade[] = [
    { label: t.edits.stars(0), colour: UNKNOWN[scheme], photos: 0 },
    ...colours.map((colour, at) => ({ label: t.edits.stars(at + 1), colour, photos: 0 })),
  ];
  return counted(shades, stars.length, (row) => Math.min(5, Math.max(0, stars[row] ?? 0)));
}

function counted(shades: Shade[], rows: number, shadeOf: (row: number) => number): Shading {
  const of = new Uint8Array(rows);
  for (let row = 0; row < rows; row += 1) {
    const shade = shadeOf(row);
    of[row] = shade;
    shades[shade]!.photos += 1;
  }
  return { shades, of };
}

/** How much of a date tells photos apart: a year (4 characters of it), a month (7) or a day (10). */
function unitOf(days: ArrayLike<number | null>): 4 | 7 | 10 {
  let [first, last] = [Infinity, -Infinity];
  for (let row = 0; row < days.length; row += 1) {
    const day = days[row];
    if (day === null || day === undefined) continue;
    if (day < first) first = day;
    if (day > last) last = day;
  }
  return last - first > 3 * 366 ? 4 : last - first > 62 ? 7 : 10;
}

function evenSpans(periods: [string, number][]): string[][] {
  const all = periods.reduce((sum, [, count]) => sum + count, 0);
  const spans: string[][] = [];
  let before = 0;
  let open = -1;
  for (const [period, count] of periods) {
    const at = Math.min(MOST_SPANS - 1, Math.floor((MOST_SPANS * (before + count / 2)) / all));
    if (at !== open) spans.push([]);
    open = at;
    (spans[spans.length - 1] as string[]).push(period);
    before += count;
  }
  return spans;
}

const nameOfPeriod = (period: string): string =>
  period.length === 4 ? period : period.length === 7 ? monthName(period, true) : wallClock(period, false);

function spanName(span: string[]): string {
  const [first, last] = [span[0] as string, span[span.length - 1] as string];
  return first === last ? nameOfPeriod(first) : `${nameOfPeriod(first)} – ${nameOfPeriod(last)}`;
}

/** `count` of the colours, from the first to the last. */
function spread(colours: string[], count: number): string[] {
  if (count <= 1) return colours.slice(-1);
  return Array.from({ length: count }, (_, at) => colours[Math.round((at * (colours.length - 1)) / (count - 1))] as string);
}

export interface Drawn {
  x: Float32Array<ArrayBuffer>;
  y: Float32Array<ArrayBuffer>;
  category: Uint8Array<ArrayBuffer>;
}

/** Points in the order in which they are painted: what a search finds over all others, in its colours; 0 is unlit. */
export function painted(
  points: { x: Float32Array; y: Float32Array },
  shade: Uint8Array,
  shown: Uint32Array,
  lit: Uint8Array | null,
): Drawn {
  const [x, y, category] = [new Float32Array(shown.length), new Float32Array(shown.length), new Uint8Array(shown.length)];
  let at = 0;
  for (const wanted of lit ? [0, 1] : [1]) {
    for (const row of shown) {
      const isLit = lit ? (lit[row] as number) : 1;
      if (isLit !== wanted) continue;
      x[at] = points.x[row] as number;
      y[at] = points.y[row] as number;
      category[at] = isLit ? (shade[row] as number) + 1 : 0;
      at += 1;
    }
  }
  return { x, y, category };
}

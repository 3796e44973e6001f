// Months as numbers that can be counted with, and what is made of their counts: bars and the rail beside the grid.

export interface PeriodCount {
  period: string;
  count: number;
}

export interface Bin {
  /** First and last month, "2021-06". */
  first: string;
  last: string;
  count: number;
}

/** Months since the year 0 of "2021-06" or of a day in it. */
export const monthOf = (text: string): number => Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7)) - 1;

export const written = (month: number): string =>
  `${String(Math.floor(month / 12)).padStart(4, "0")}-${String((month % 12) + 1).padStart(2, "0")}`;

export const firstDay = (month: string): string => `${month}-01`;

export function lastDay(month: string): string {
  const days = new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5, 7)), 0)).getUTCDate();
  return `${month}-${String(days).padStart(2, "0")}`;
}

/** Bars over all months from the first to the last: by month, quarter or year, so that at most `most` stand there. */
export function binned(months: PeriodCount[], most: number): { size: 1 | 3 | 12; bins: Bin[] } {
  const [begin, end] = [months[0], months.at(-1)];
  if (!begin || !end) return { size: 1, bins: [] };
  const [low, high] = [monthOf(begin.period), monthOf(end.period)];
  const size = ([1, 3] as const).find((width) => (high - low) / width < most) ?? 12;
  const start = Math.floor(low / size);
  const bins = Array.from({ length: Math.floor(high / size) - start + 1 }, (_, at): Bin => {
    const first = (start + at) * size;
    return { first: written(first), last: written(first + size - 1), count: 0 };
  });
  for (const { period, count } of months) {
    const bin = bins[Math.floor(monthOf(period) / size) - start];
    if (bin) bin.count += count;
  }
  return { size, bins };
}

export interface RailMark {
  /** "2021-06"; empty for photos without a date. */
  period: string;
  /** The first of its photos among all. */
  index: number;
}

/** Where each month begins in photos by date; those without one come last. */
export function railOf(months: PeriodCount[], undated: number, newestFirst: boolean): RailMark[] {
  const ordered = newestFirst ? months.toReversed() : months;
  const marks: RailMark[] = [];
  let index = 0;
  for (const { period, count } of ordered) {
    marks.push({ period, index });
    index += count;
  }
  if (undated > 0) marks.push({ period: "", index });
  return marks;
}

/** The mark in which a photo stands. */
export function markAt(marks: RailMark[], index: number): number {
  const after = marks.findIndex((mark) => mark.index > index);
  return after < 0 ? marks.length - 1 : Math.max(after - 1, 0);
}

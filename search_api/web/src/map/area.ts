// A part of the similarity map as the address and the API say it: a group, or what a line encloses.

import type { MapArea } from "../api/client";

export type Place = readonly [x: number, y: number];

// A line of a person's hand has no more corners than this that matter, and an address has to hold it.
const MOST_CORNERS = 48;
const DIGITS = 3; // a thousandth of the map is less than a point of it

/** "5f2c…:3" for a group, "5f2c…:-0.5,0.1;-0.1,0.1;-0.3,0.6" for a line. */
export const writtenArea = ({ generation, cluster, polygon }: MapArea): string =>
  `${generation}:${polygon ? polygon.map((corner) => corner.map(short).join(",")).join(";") : cluster}`;

/** Null for what is no area. */
export function readArea(text: string | undefined): MapArea | null {
  const [generation, rest] = text?.split(":") ?? [];
  if (!generation || !rest) return null;
  if (/^\d+$/.test(rest)) return { generation, cluster: Number(rest) };
  const polygon = rest.split(";").map((corner) => corner.split(",").map(Number) as [number, number]);
  const whole = polygon.length >= 3 && polygon.every((corner) => corner.length === 2 && corner.every(Number.isFinite));
  return whole ? { generation, polygon } : null;
}

const short = (value: number): string => String(Number(value.toFixed(DIGITS)));

/** The line with few corners: by Ramer, Douglas and Peucker, coarser until it has few enough. */
export function simplified(line: readonly Place[], tolerance: number): Place[] {
  let kept = [...line];
  for (let allowed = tolerance; kept.length > MOST_CORNERS || allowed === tolerance; allowed *= 1.6) {
    kept = without(line, allowed);
  }
  return kept;
}

function without(line: readonly Place[], tolerance: number): Place[] {
  const keep = new Set([0, line.length - 1]);
  const parts: [number, number][] = [[0, line.length - 1]];
  for (let part = parts.pop(); part; part = parts.pop()) {
    const [from, to] = part;
    let [farthest, distance] = [-1, tolerance];
    for (let at = from + 1; at < to; at += 1) {
      const off = offLine(line[at] as Place, line[from] as Place, line[to] as Place);
      if (off > distance) [farthest, distance] = [at, off];
    }
    if (farthest < 0) continue;
    keep.add(farthest);
    parts.push([from, farthest], [farthest, to]);
  }
  return line.filter((_, at) => keep.has(at));
}

function offLine([x, y]: Place, [ax, ay]: Place, [bx, by]: Place): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

// What stands on the map without covering one another: names of groups, and pictures where there is room for them.

import type { Grid, Points } from "./points";
import { type Size, toPixel, toPlace, unitPx, type Viewport } from "./viewport";

export interface Named {
  cluster: number;
  text: string;
  x: number;
  y: number;
  photos: number;
}

export interface PlacedName extends Named {
  left: number;
  top: number;
}

const LINE_PX = 24;
const CHARACTER_PX = 7.6;

/** Names of large groups first, each only where it covers no other. */
export function placedNames(names: readonly Named[], viewport: Viewport, size: Size): PlacedName[] {
  const taken: { left: number; right: number; top: number; bottom: number }[] = [];
  const placed: PlacedName[] = [];
  for (const name of names) {
    const [left, top] = toPixel(viewport, size, name.x, name.y);
    const half = (name.text.length * CHARACTER_PX) / 2 + 8;
    const box = { left: left - half, right: left + half, top: top - LINE_PX / 2, bottom: top + LINE_PX / 2 };
    if (box.left < 0 || box.right > size.width || box.top < 0 || box.bottom > size.height) continue;
    if (taken.some((each) => each.left < box.right && each.right > box.left && each.top < box.bottom && each.bottom > box.top)) continue;
    taken.push(box);
    placed.push({ ...name, left, top });
  }
  return placed;
}

export interface PlacedPicture {
  row: number;
  left: number;
  top: number;
  side: number;
}

const PICTURE_PX = 52;
const LARGE_PX = 84; // where there are few
const FEW = 40;
const MOST_SEEN = 1500;
const MOST_PICTURES = 160;

/**
 * Photos to show as pictures: one in each cell of a grid that is fixed to the map, so that a picture stays while the map
 * is moved. None while too many points are in sight: then points tell more.
 */
export function placedPictures(points: Points, grid: Grid, viewport: Viewport, size: Size, lit: Uint8Array | null): PlacedPicture[] {
  const [left, high] = toPlace(viewport, size, 0, 0);
  const [right, low] = toPlace(viewport, size, size.width, size.height);
  const box = { left, right, low, high };
  if (size.width === 0 || grid.about(box) > 4 * MOST_SEEN) return [];
  const seen = grid.inside(box);
  if (seen.length > MOST_SEEN) return [];
  // The cells keep their size while the scale changes by less than a factor of 1.4.
  const step = Math.SQRT2 ** Math.floor(2 * Math.log2(unitPx(viewport, size)));
  const side = seen.length <= FEW ? LARGE_PX : PICTURE_PX;
  const cell = (side * 1.45) / step;
  const best = new Map<string, number>();
  for (const row of seen) {
    const key = seen.length <= FEW ? String(row) : `${Math.floor(points.x[row]! / cell)} ${Math.floor(points.y[row]! / cell)}`;
    const held = best.get(key);
    if (held === undefined || (lit && lit[row]! > lit[held]!)) best.set(key, row);
  }
  const placed: PlacedPicture[] = [];
  // Then what finds room between them; those that a search finds before the others.
  const others = lit ? [...seen].sort((one, other) => lit[other]! - lit[one]!) : seen;
  for (const row of new Set([...best.values(), ...others])) {
    const [x, y] = toPixel(viewport, size, points.x[row]!, points.y[row]!);
    const covers = placed.some((each) => Math.abs(each.left - x) < side && Math.abs(each.top - y) < side);
    if (!covers) placed.push({ row, left: x, top: y, side });
    if (placed.length >= MOST_PICTURES) break;
  }
  return placed;
}

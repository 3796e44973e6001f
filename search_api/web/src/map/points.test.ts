import { expect, test } from "vitest";

import { placedNames, placedPictures } from "./placing";
import { boxOf, Grid, photoIdAt, type Points } from "./points";
import { fitting, toPixel } from "./viewport";

function scattered(count: number): Points {
  let seed = 7;
  const chance = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (seed / 2_147_483_648) * 2 - 1;
  };
  const [x, y] = [new Float32Array(count), new Float32Array(count)];
  for (let row = 0; row < count; row += 1) [x[row], y[row]] = [chance(), chance()];
  return { count, ids: new Uint8Array(count * 16), x, y, cluster: new Int32Array(count) };
}

const points = scattered(3_000);
const rows = Uint32Array.from({ length: points.count }, (_, row) => row).filter((row) => row % 3 !== 0);
const grid = new Grid(points, rows);
const off = (row: number, x: number, y: number) => Math.hypot(points.x[row]! - x, points.y[row]! - y);

test("an id is read from its bytes", () => {
  const ids = Uint8Array.from("0d9e2f2a6c1f5a579d0b6f2f9d3c1b7e".match(/../g) ?? [], (hex) => Number.parseInt(hex, 16));
  expect(photoIdAt({ ids } as Points, 0)).toBe("0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e");
});

test("the nearest point is that of a look at all of them", () => {
  for (const [x, y] of [[0, 0], [0.91, -0.97], [-1, 1], [1.3, 0]] as const) {
    const nearest = [...rows].reduce((best, row) => (off(row, x, y) < off(best, x, y) ? row : best));
    expect(grid.nearest(x, y, 0.5)).toBe(off(nearest, x, y) <= 0.5 ? nearest : -1);
    const sorted = [...rows].sort((one, other) => off(one, x, y) - off(other, x, y));
    expect(grid.around(x, y, 12).map((row) => off(row, x, y).toFixed(9))).toEqual(sorted.slice(0, 12).map((row) => off(row, x, y).toFixed(9)));
  }
});

test("what is in a box is found, and its number is bounded without looking", () => {
  const box = { left: -0.2, right: 0.15, low: 0.3, high: 0.7 };
  const inside = [...rows].filter((row) => points.x[row]! >= -0.2 && points.x[row]! <= 0.15 && points.y[row]! >= 0.3 && points.y[row]! <= 0.7);
  expect(grid.inside(box).sort((one, other) => one - other)).toEqual(inside);
  expect(grid.about(box)).toBeGreaterThanOrEqual(inside.length);
  expect(grid.about({ left: -2, right: 2, low: -2, high: 2 })).toBe(rows.length);
  expect(boxOf(points, [])).toBeNull();
});

test("names do not cover one another, large groups first", () => {
  const size = { width: 800, height: 500 };
  const viewport = fitting({ left: -1, right: 1, low: -1, high: 1 }, size);
  const names = Array.from({ length: 60 }, (_, cluster) => ({
    ...{ cluster, text: `group number ${cluster}`, photos: 100 - cluster },
    ...{ x: points.x[cluster]!, y: points.y[cluster]! },
  }));
  const placed = placedNames(names, viewport, size);
  expect(placed.length).toBeGreaterThan(5);
  expect(placed.length).toBeLessThan(60);
  for (const one of placed) {
    for (const other of placed) {
      if (one !== other) expect(Math.abs(one.top - other.top) >= 24 || Math.abs(one.left - other.left) > 100).toBe(true);
    }
  }
});

test("pictures stand apart, at their photos' places, and only where few are in sight", () => {
  const size = { width: 800, height: 800 };
  const viewport = fitting({ left: -0.15, right: 0.15, low: -0.15, high: 0.15 }, size);
  const placed = placedPictures(points, grid, viewport, size, null);
  expect(placed.length).toBeGreaterThan(10);
  for (const { row, left, top } of placed) {
    expect([left, top]).toEqual(toPixel(viewport, size, points.x[row]!, points.y[row]!));
    expect(row % 3).not.toBe(0);
    for (const other of placed) {
      if (other.row !== row) expect(Math.max(Math.abs(other.left - left), Math.abs(other.top - top))).toBeGreaterThanOrEqual(52);
    }
  }
  const far = fitting({ left: -1, right: 1, low: -1, high: 1 }, size);
  expect(placedPictures(points, grid, far, size, null)).toEqual([]);
});

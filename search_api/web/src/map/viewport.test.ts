import { expect, test } from "vitest";

import { fitting, moved, readViewport, toPixel, toPlace, writtenViewport, zoomed } from "./viewport";

const size = { width: 900, height: 600 };
const whole = fitting({ left: -0.9, right: 0.8, low: -0.5, high: 0.7 }, size);

test("all of the map is in sight, with a margin", () => {
  for (const [x, y] of [[-0.9, -0.5], [0.8, 0.7]] as const) {
    const [left, top] = toPixel(whole, size, x, y);
    expect(left).toBeGreaterThanOrEqual(40);
    expect(left).toBeLessThanOrEqual(860);
    expect(top).toBeGreaterThanOrEqual(40);
    expect(top).toBeLessThanOrEqual(560);
  }
  expect(toPixel(whole, size, 0, 0.6)[1], "up is up").toBeLessThan(toPixel(whole, size, 0, 0.5)[1]);
});

test("a single photo is shown, not infinitely large", () => {
  const { x, y, scale } = fitting({ left: 0.3, right: 0.3, low: 0.1, high: 0.1 }, size);
  expect([x, y]).toEqual([0.3, 0.1]);
  expect(scale).toBeLessThan(50);
});

test("pixels and places lead to each other", () => {
  const [x, y] = toPlace(whole, size, 123, 456);
  const [left, top] = toPixel(whole, size, x, y);
  expect(left).toBeCloseTo(123);
  expect(top).toBeCloseTo(456);
});

test("what is under the pointer stays there while zooming, within bounds", () => {
  const before = toPlace(whole, size, 200, 150);
  const near = zoomed(whole, size, 3, 200, 150, whole);
  toPlace(near, size, 200, 150).forEach((value, at) => expect(value).toBeCloseTo(before[at] as number));
  expect(near.scale).toBeCloseTo(3 * whole.scale);
  expect(zoomed(whole, size, 1e9, 0, 0, whole).scale).toBeCloseTo(400 * whole.scale);
  expect(zoomed(whole, size, 1e-9, 0, 0, whole).scale).toBeCloseTo(0.4 * whole.scale);
});

test("the map goes along with the pointer and is not lost", () => {
  const [left, top] = toPixel(moved(whole, size, 30, -20), size, 0, 0);
  const [wasLeft, wasTop] = toPixel(whole, size, 0, 0);
  expect([left - wasLeft, top - wasTop].map(Math.round)).toEqual([30, -20]);
  expect(moved(whole, size, -1e6, 0).x).toBe(1.5);
});

test("the address holds it", () => {
  expect(readViewport(writtenViewport({ x: 0.12, y: -0.5, scale: 3.25 }))).toEqual({ x: 0.12, y: -0.5, scale: 3.25 });
  for (const text of [undefined, "", "1,2", "1,2,x", "1,2,0"]) expect(readViewport(text)).toBeNull();
});

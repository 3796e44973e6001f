import { describe, expect, it } from "vitest";

import { acrossOf, boxOf, downOf, graticule, latOf, lineStep, ringsPath, rounder, wrapped } from "./mercator";

describe("a Web Mercator map", () => {
  it("has the equator and Greenwich in its middle", () => {
    expect([acrossOf(0), downOf(0)]).toEqual([0.5, 0.5]);
    expect(downOf(90)).toBeCloseTo(0, 6);
    expect(downOf(-90)).toBeCloseTo(1, 6);
  });

  it.each([-80, -33.87, 0.5, 48.85, 71])("finds latitude %d again", (lat) => {
    expect(latOf(downOf(lat))).toBeCloseTo(lat, 9);
  });

  it("keeps longitudes within the world", () => {
    expect([wrapped(190), wrapped(-190), wrapped(10)]).toEqual([-170, 170, 10]);
  });
});

describe("what a map shows", () => {
  it("is no box where it is all", () => {
    expect(boxOf({ south: -86, west: -200, north: 86, east: 200 })).toBeNull();
    expect(boxOf({ south: -20, west: -200, north: 60, east: 200 })).toEqual({ south: -20, west: -180, north: 60, east: 180 });
  });

  it("crosses the date line with its west above its east", () => {
    expect(boxOf({ south: -20, west: 170, north: 0, east: 190 })).toEqual({ south: -20, west: 170, north: 0, east: -170 });
  });

  it.each([
    { south: 38.7001, west: -9.2002, north: 38.8003, east: -9.1004 },
    { south: -20, west: 170.3, north: 0.2, east: -170.7 },
    { south: -60, west: -179, north: 84, east: 179 },
  ])("lies in a rounder box", (box) => {
    const round = rounder(box);
    expect(round.south).toBeLessThanOrEqual(box.south);
    expect(round.north).toBeGreaterThanOrEqual(box.north);
    expect(round.west).toBeLessThanOrEqual(box.west);
    expect(round.east).toBeGreaterThanOrEqual(box.east);
    expect(round.north - round.south).toBeLessThan((box.north - box.south) * 1.6 + 50);
    expect(rounder({ ...box, south: box.south + 1e-5 })).toEqual(round);
  });
});

describe("lines of degrees", () => {
  it("stand closer the nearer one looks", () => {
    expect(lineStep(1)).toBe(30);
    expect(lineStep(4)).toBe(5);
    expect(lineStep(20)).toBe(0.01);
  });

  it("run through the box from side to side", () => {
    const lines = graticule({ south: 1, west: -5, north: 21, east: 12 }, 10);
    expect(lines).toEqual([
      [[0, 1], [0, 21]],
      [[10, 1], [10, 21]],
      [[-5, 10], [12, 10]],
      [[-5, 20], [12, 20]],
    ]);
  });
});

describe("an outline around a place", () => {
  const square = [[[[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]]];

  it("is drawn where it meets the window", () => {
    expect(ringsPath(square, 0, 0, 2 / 360, 100)).toBe("M0 100L100 100L100 0L0 0L0 100Z");
    expect(ringsPath(square, 0, 20, 2 / 360, 100)).toBe("");
  });

  it("goes on beyond the date line", () => {
    const islands = [[[[178, -1], [179.5, -1], [179.5, 1], [178, 1], [178, -1]]]];
    expect(ringsPath(islands, 0, -179.9, 8 / 360, 100)).not.toBe("");
  });
});

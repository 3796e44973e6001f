import { expect, test } from "vitest";

import { type Place, readArea, simplified, writtenArea } from "./area";

const generation = "5f2c9a0b1d7e4a36";

test("groups and lines are read as they were written", () => {
  for (const area of [
    { generation, cluster: 12 },
    { generation, polygon: [[-0.5, 0.1], [-0.1, 0.1], [-0.3, 0.625]] as [number, number][] },
  ]) {
    expect(readArea(writtenArea(area as never))).toEqual(area);
  }
  expect(writtenArea({ generation, cluster: null, polygon: [[0.12345, -0.5], [1, 0], [0, 1]] })).toBe(`${generation}:0.123,-0.5;1,0;0,1`);
});

test("what is no area is none", () => {
  for (const text of [undefined, "", generation, `${generation}:`, `${generation}:-1`, `${generation}:0,0;1,1`, `${generation}:0,0;1,1;2`]) {
    expect(readArea(text)).toBeNull();
  }
});

test("a line of a hand keeps its shape and loses its tremble", () => {
  const circle: Place[] = Array.from({ length: 400 }, (_, at) => {
    const turn = (2 * Math.PI * at) / 400;
    const far = 100 + (at % 2) * 0.4;
    return [far * Math.cos(turn), far * Math.sin(turn)];
  });
  const line = simplified(circle, 1.5);
  expect(line.length).toBeLessThanOrEqual(48);
  expect(line.length).toBeGreaterThan(8);
  expect(line.every((place) => circle.includes(place))).toBe(true);
  expect(simplified([[0, 0], [50, 0.2], [100, 0], [100, 80]], 1.5)).toEqual([[0, 0], [100, 0], [100, 80]]);
  const wild: Place[] = Array.from({ length: 300 }, (_, at) => [at, (at % 2) * 90]);
  expect(simplified(wild, 1.5).length).toBeLessThanOrEqual(48);
});

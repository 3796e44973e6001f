import { expect, test } from "vitest";

import { byDate, byGroup, byRating, byValue, painted, type Shading } from "./colours";

const legend = ({ shades }: Shading) => shades.filter((shade) => shade.photos > 0).map((shade) => [shade.label, shade.photos]);
const day = (text: string) => Date.parse(`${text}T00:00:00Z`) / 86_400_000;

test("frequent values have a colour of their own, rare ones share one, unknown ones are said", () => {
  const cameras = ["X-T5", "X-T5", null, "R5"];
  expect(legend(byValue(cameras, "light"))).toEqual([["Not known", 1], ["X-T5", 2], ["R5", 1]]);
  const many = Array.from({ length: 40 }, (_, at) => `Camera ${Math.floor(Math.sqrt(at))}`).concat(...["A", "B", "C", "D", "E", "F"]);
  const shading = byValue(many, "dark");
  expect(shading.shades.length).toBe(11);
  expect(new Set(shading.shades.map((shade) => shade.colour)).size).toBe(11);
  expect(legend(shading)[0]?.[0]).toBe("Others");
  expect(shading.shades.reduce((sum, shade) => sum + shade.photos, 0)).toBe(46);
  many.forEach((camera, row) => {
    const label = shading.shades[shading.of[row] as number]?.label;
    expect([camera, "Others"]).toContain(label);
  });
});

test("dates are told apart by years, months or days, whatever they span", () => {
  const years = [day("2015-03-02"), day("2019-07-01"), null, day("2019-08-01")];
  expect(legend(byDate(years, "light"))).toEqual([["Without a date", 1], ["2015", 1], ["2019", 2]]);
  expect(legend(byDate([day("2021-03-02"), day("2021-09-30")], "light")).map(([label]) => label)).toEqual(["Mar 2021", "Sep 2021"]);
  expect(legend(byDate([day("2021-03-02"), day("2021-03-03"), day("2021-03-03")], "light")).map(([, photos]) => photos)).toEqual([1, 2]);
  expect(legend(byDate([null, null], "light"))).toEqual([["Without a date", 2]]);
});

test("many years come as few spans of about as many photos each, in order", () => {
  const days = Array.from({ length: 2_400 }, (_, at) => day(`${1990 + Math.floor(at / 80)}-05-01`));
  const shading = byDate(days, "light");
  const spans = legend(shading);
  expect(spans.length).toBe(8);
  expect(spans[0]?.[0]).toMatch(/^1990 – /);
  expect(spans[7]?.[0]).toMatch(/ – 2019$/);
  for (const [, photos] of spans) expect(photos).toBeGreaterThan(200);
  expect([...shading.of]).toEqual([...shading.of].sort((one, other) => one - other));
  const uneven = [...new Array<number>(5_000).fill(day("2020-01-01")), ...Array.from({ length: 30 }, (_, at) => day(`${1980 + at}-01-01`))];
  expect(legend(byDate(uneven, "light")).reduce((sum, [, photos]) => sum + (photos as number), 0)).toBe(5_030);
});

test("groups are coloured by number and none is grey", () => {
  const { of, shades } = byGroup([-1, 0, 1, 10], "light");
  expect([...of]).toEqual([0, 1, 2, 1]);
  expect(shades[0]).toMatchObject({ label: "In no group", photos: 1 });
  expect([...byRating([null, 0, 5, 3], "dark").of]).toEqual([0, 0, 5, 3]);
});

test("what a search finds is painted last and in colour", () => {
  const points = { x: new Float32Array([0, 1, 2, 3]), y: new Float32Array([0, 10, 20, 30]) };
  const shade = new Uint8Array([0, 1, 2, 3]);
  const shown = new Uint32Array([0, 1, 3]); // row 2 is hidden
  const all = painted(points, shade, shown, null);
  expect([[...all.x], [...all.y], [...all.category]]).toEqual([[0, 1, 3], [0, 10, 30], [1, 2, 4]]);
  const found = painted(points, shade, shown, new Uint8Array([1, 0, 1, 0]));
  expect([[...found.x], [...found.category]]).toEqual([[1, 3, 0], [0, 0, 1]]);
});

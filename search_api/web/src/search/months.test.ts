import { describe, expect, it } from "vitest";

import { binned, lastDay, markAt, monthOf, railOf, written } from "./months";

const MONTHS = [
  { period: "2019-12", count: 4 },
  { period: "2020-02", count: 1 },
  { period: "2021-06", count: 5 },
];

describe("months", () => {
  it("are counted over the turn of years", () => {
    expect(written(monthOf("2019-12-31") + 1)).toBe("2020-01");
    expect(lastDay("2020-02")).toBe("2020-02-29");
  });
  it("become bars, with those between that are empty", () => {
    expect(binned(MONTHS, 48).bins.slice(0, 3).map(({ count }) => count)).toEqual([4, 0, 1]);
    expect(binned(MONTHS, 48).bins).toHaveLength(19);
    const byYear = binned(MONTHS, 4);
    expect(byYear).toEqual({
      size: 12,
      bins: [
        { first: "2019-01", last: "2019-12", count: 4 },
        { first: "2020-01", last: "2020-12", count: 1 },
        { first: "2021-01", last: "2021-12", count: 5 },
      ],
    });
    expect(binned([], 4).bins).toEqual([]);
  });
  it("say where they begin among the photos", () => {
    const marks = railOf(MONTHS, 2, true);
    expect(marks).toEqual([
      { period: "2021-06", index: 0 },
      { period: "2020-02", index: 5 },
      { period: "2019-12", index: 6 },
      { period: "", index: 10 },
    ]);
    expect([0, 4, 5, 9, 11].map((index) => markAt(marks, index))).toEqual([0, 0, 1, 2, 3]);
  });
});

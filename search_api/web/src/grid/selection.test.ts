import { describe, expect, it } from "vitest";

import { stretch } from "./selection";

const SIZE = 3;
const part = (offset: number) => ({ hits: [0, 1, 2].map((at) => ({ photo_id: `p${offset + at}` })) });

describe("a stretch of the results", () => {
  it("is gathered part by part, from its first photo to its last", async () => {
    const told: number[] = [];
    const asked: number[] = [];
    const fetched = async (offset: number) => {
      asked.push(offset);
      return part(offset);
    };
    expect(await stretch(2, 6, SIZE, fetched, () => true, (done) => told.push(done))).toEqual(["p2", "p3", "p4", "p5", "p6"]);
    expect([asked, told]).toEqual([[0, 3, 6], [1, 4, 5]]);
  });
  it("is let go once something else was chosen", async () => {
    let last = true;
    const asked: number[] = [];
    const fetched = async (offset: number) => {
      asked.push(offset);
      last = offset < 3; // another choice while the second part is on its way
      return part(offset);
    };
    expect(await stretch(0, 8, SIZE, fetched, () => last, () => undefined)).toBeNull();
    expect(asked).toEqual([0, 3]);
  });
});

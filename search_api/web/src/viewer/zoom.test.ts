import { describe, expect, it } from "vitest";

import { about, WHOLE, within } from "./zoom";

describe("zoom", () => {
  it("keeps what is under the pointer where it is", () => {
    const once = about(WHOLE, 2, { x: 100, y: -50 });
    expect(once).toEqual({ scale: 2, x: -100, y: 50 });
    const twice = about(once, 1.5, { x: 100, y: -50 });
    // The point of the photo under the pointer: (point - shift) / scale.
    expect((100 - twice.x) / twice.scale).toBeCloseTo((100 - once.x) / once.scale, 9);
  });
  it("comes back to the whole photo and goes no further than is of use", () => {
    expect(about({ scale: 1.2, x: 9, y: 9 }, 0.1, { x: 0, y: 0 })).toEqual(WHOLE);
    expect(about(WHOLE, 1000, { x: 0, y: 0 }).scale).toBe(12);
  });
  it("does not let the photo leave the stage", () => {
    const moved = within({ scale: 2, x: 9999, y: 9999 }, { width: 800, height: 300 }, { width: 1000, height: 700 });
    expect(moved).toEqual({ scale: 2, x: 300, y: 0 });
  });
});

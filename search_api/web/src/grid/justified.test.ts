import { describe, expect, it } from "vitest";

import { beside, layOut, ratioOf, type Shape } from "./justified";

const shape: Shape = { width: 1000, row: 200, gap: 6, cut: 40 };
/** Ratios as cameras make them, the same at each run. */
const photos = (count: number) => Array.from({ length: count }, (_, at) => [1.5, 0.75, 1.33, 1.5, 1, 0.67, 1.78][(at * 5) % 7] ?? 1);

describe("a block of photos", () => {
  it("fills every row to the edge, the last one too when more follows", () => {
    const { boxes, height } = layOut(photos(60), shape, false, null);
    const byRow = Map.groupBy(boxes, (box) => box.top);
    for (const row of byRow.values()) {
      const last = row.at(-1);
      expect((last?.left ?? 0) + (last?.width ?? 0)).toBeCloseTo(1000, 6);
      expect(last?.height).toBeGreaterThan(140);
      expect(last?.height).toBeLessThan(280);
    }
    const bottom = boxes.at(-1);
    expect(height).toBeCloseTo((bottom?.top ?? 0) + (bottom?.height ?? 0) + 6, 6);
  });
  it("leaves a short last row at its height when nothing follows", () => {
    const { boxes, height } = layOut([1.5, 1.5], shape, true, null);
    expect(boxes.map((box) => [box.left, box.width, box.height])).toEqual([
      [0, 300, 200],
      [306, 300, 200],
    ]);
    expect(height).toBe(206);
  });
  it("begins a new row below the line between good matches and the others", () => {
    const { boxes, cutTop } = layOut(photos(20), shape, true, 3);
    expect(cutTop).toBeCloseTo((boxes[2]?.top ?? 0) + (boxes[2]?.height ?? 0) + 6, 6);
    expect(boxes[3]).toMatchObject({ left: 0, top: (cutTop ?? 0) + 40 });
    expect(layOut(photos(20), shape, true, 20).cutTop).toBeNull();
  });
  it("keeps extreme pictures within bounds", () => {
    expect(ratioOf(10_000, 500)).toBe(2.6);
    expect(ratioOf(800, 9000)).toBe(0.5);
    expect(ratioOf(null, null)).toBe(1.5);
    const phone = layOut([2.6, 2.6, 0.5, 0.5], { ...shape, width: 300, row: 120 }, false, null);
    expect(phone.boxes).toHaveLength(4);
  });
});

describe("walking by rows", () => {
  const { boxes } = layOut([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], { ...shape, width: 1024 }, true, null);
  it("goes to the nearest photo of the next row and stops at the edges", () => {
    expect(beside(boxes, 1, 1)).toBe(6);
    expect(beside(boxes, 6, -1)).toBe(1);
    expect(beside(boxes, 0, -1)).toBeNull();
    expect(beside(boxes, 9, 1)).toBeNull();
  });
});

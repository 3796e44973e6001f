import { describe, expect, it } from "vitest";

import { taken } from "./suggestions";

describe("a suggestion that is taken", () => {
  it("stands in the place of what was typed, the caret behind it", () => {
    expect(taken("wall cam", { kind: "field", insert: "camera:", start: 5, length: 3 })).toEqual({
      text: "wall camera:",
      caret: 12,
    });
    expect(taken("😀 tag:se red", { kind: "value", insert: "sea", start: 6, length: 2 })).toEqual({
      text: "😀 tag:sea red",
      caret: 10,
    });
    expect(taken("so", { kind: "word", insert: "sofa", start: 0, length: 2 })).toEqual({ text: "sofa ", caret: 5 });
  });
});

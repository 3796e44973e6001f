import { describe, expect, it } from "vitest";

import { hasQuery, searchOf } from "./asked";
import { withoutPart, withPart } from "./parts";

describe("what is asked", () => {
  it("browses newest first without a query", () => {
    expect(searchOf({}, null, 0).body).toEqual({ filters: {}, sort: "newest" });
  });
  it("puts words, example photos and what is unwanted together, each with its weight", () => {
    const view = { q: "boat", like: "abc\ndef^2", unlike: "ghi^0.5", also: "at night^4", not: "people\nsnow" };
    const { body } = searchOf({ ...view, stacks: "none", motion: "no", camera: "X-T5\nX100", rating: "4" }, null, 0);
    expect(body).toEqual({
      q: "boat",
      texts: [{ text: "at night", weight: 4 }],
      photos: [
        { photo_id: "abc", weight: 1 },
        { photo_id: "def", weight: 2 },
      ],
      negative_photos: [{ photo_id: "ghi", weight: 0.5 }],
      negative_texts: [
        { text: "people", weight: 1 },
        { text: "snow", weight: 1 },
      ],
      filters: { in_stack: false, motion: false, cameras: ["X-T5", "X100"], rating_min: 4 },
      sort: "relevance",
    });
  });
  it("takes parts in once and out again, and keeps their weights", () => {
    expect(withPart("a^2", "a")).toBe("a^2");
    expect(withPart("a^2", "b")).toBe("a^2\nb");
    expect(withoutPart("a^2\nb", "a")).toBe("b");
    expect(withoutPart("b", "b")).toBeNull();
  });
  it("tells two pictures and two draws apart", () => {
    const picture = new File(["a"], "a.jpg");
    expect(searchOf({}, picture, 1).key).not.toBe(searchOf({}, picture, 2).key);
    expect(searchOf({ random: "1" }, null, 0).key).not.toBe(searchOf({ random: "2" }, null, 0).key);
    expect(hasQuery({ camera: "X" }, null)).toBe(false);
  });
});

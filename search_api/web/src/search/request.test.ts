import { describe, expect, it } from "vitest";

import { hasQuery, searchOf } from "./request";

describe("what is asked", () => {
  it("browses newest first without a query", () => {
    expect(searchOf({}, null, 0).body).toEqual({ filters: {}, sort: "newest" });
  });
  it("puts words, example photos and what is unwanted together", () => {
    const { body } = searchOf({ q: "boat", like: "abc", not: "people, snow,", stacks: "none", motion: "no" }, null, 0);
    expect(body).toEqual({
      q: "boat",
      photos: [{ photo_id: "abc", weight: 1 }],
      negative_texts: [
        { text: "people", weight: 1 },
        { text: "snow", weight: 1 },
      ],
      filters: { in_stack: false, motion: false },
      sort: "relevance",
    });
  });
  it("tells two pictures apart", () => {
    const picture = new File(["a"], "a.jpg");
    expect(searchOf({}, picture, 1).key).not.toBe(searchOf({}, picture, 2).key);
    expect(hasQuery({ camera: "X" }, null)).toBe(false);
  });
});

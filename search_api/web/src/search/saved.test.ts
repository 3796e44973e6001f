import { describe, expect, it } from "vitest";

import type { SearchQuery } from "../api/client";
import { keptOf, viewOf } from "./saved";

describe("a kept search", () => {
  it("comes back as it was shown", () => {
    const view = { q: "boat", like: "abc^2", not: "people", camera: "A\nB", from: "2020-01-01", rating: "3", stacks: "none", sort: "oldest" };
    expect(viewOf(keptOf(view))).toEqual(view);
    expect(viewOf(keptOf({ folder: "/a b", mode: "words", motion: "no" }))).toEqual({ folder: "/a b", mode: "words", motion: "no" });
  });
  it("is not shown in part", () => {
    expect(viewOf({ filters: { iso_min: 800 } } as SearchQuery)).toBeNull();
    expect(viewOf({ filters: { iso_min: null, tags_any: [] }, limit: 50, cursor: null } as unknown as SearchQuery)).toEqual({});
  });
});

import { describe, expect, it } from "vitest";

import { address, read, withoutFilters } from "./address";

describe("address", () => {
  it("keeps what is shown and drops what is empty", () => {
    const view = read("?q=red+boat&format=PNG&camera=&unknown=1");
    expect(view).toEqual({ q: "red boat", format: "PNG" });
    expect(address(view)).toBe("/?q=red+boat&format=PNG");
    expect(address(view, { ...withoutFilters(), q: null })).toBe("/");
    expect(read("?camera=A&camera=B%2C+1")).toEqual({ camera: "A\nB, 1" });
    expect(address({ camera: "A\nB, 1" })).toBe("/?camera=A&camera=B%2C+1");
    expect(address({}, { under: "/a b" }, "/library/skipped")).toBe("/library/skipped?under=%2Fa+b");
  });
});

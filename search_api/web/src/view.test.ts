import { describe, expect, it } from "vitest";

import { address, changed, read, segment, withoutFilters } from "./view";

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
  it("gives back whatever was put in, once decoded", () => {
    const view = { folder: "/p/Sale%20Items", q: "100% & more?" };
    expect(read(address(view).slice(1))).toEqual(view);
    for (const name of ["50% off", "a/b", "100%25", "größe #1"])
      expect(segment(`/collections/${encodeURIComponent(name)}`, 1)).toBe(name);
    expect(segment("/collections/50%", 1)).toBe("50%");
  });
  it("leaves a kept search when something else is asked for", () => {
    const view = { saved: "Best" };
    expect(changed(view, { photo: "1" })).toEqual({ photo: "1" });
    expect(changed(view, { q: "boat" })).toEqual({ q: "boat", saved: null });
    expect(changed(view, { camera: null })).toEqual({ camera: null, saved: null });
  });
});

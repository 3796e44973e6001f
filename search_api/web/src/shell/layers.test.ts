import { describe, expect, it } from "vitest";

import { escape, type Layer, put, reached } from "./layers";

describe("layers", () => {
  it("are let go one by one, and only what covers keeps keys from what is below", () => {
    const gone: string[] = [];
    const layer = (name: string, covers = true): Layer => ({ covers, escape: () => gone.push(name) });
    const [chosen, viewer, keys] = [layer("chosen", false), layer("viewer"), layer("keys")];
    expect(reached(null)).toBe(true);
    const removeChosen = put(chosen);
    expect(reached(null)).toBe(true);
    const removeViewer = put(viewer);
    const removeKeys = put(keys);
    expect([reached(null), reached(viewer), reached(keys)]).toEqual([false, false, true]);
    escape();
    expect(gone).toEqual(["keys"]);
    removeKeys();
    expect(reached(viewer)).toBe(true);
    escape();
    removeViewer();
    escape();
    removeChosen();
    escape();
    expect(gone).toEqual(["keys", "viewer", "chosen"]);
  });
});

import { describe, expect, it } from "vitest";

import { bytes, duration, exposure, folderOf, nameOf, offset, position } from "./wording";

describe("wording", () => {
  it("says how long something takes, no finer than can be known", () => {
    expect(duration(42)).toBe("less than a minute");
    expect(duration(300)).toBe("about 5 min");
    expect(duration(3600 * 9)).toBe("about 9 h");
    expect(duration(3600 * 2 + 60 * 28)).toBe("about 2 h 30 min");
    expect(duration(3600 * 1 + 60 * 59)).toBe("about 2 h");
    expect(duration(3600 * 50)).toBe("about 2 days");
  });
  it("writes exposures as a camera does", () => {
    expect(exposure(1 / 250)).toBe("1/250 s");
    expect(exposure(2.5)).toBe("2.5 s");
  });
  it("writes sizes, places and zones", () => {
    expect(bytes(999)).toBe("999 B");
    expect(bytes(24_600_000)).toBe("24.6 MB");
    expect(position(-33.8568, 151.2153)).toBe("33.8568° S, 151.2153° E");
    expect(offset(-210)).toBe("UTC−3:30");
  });
  it("parts a path", () => {
    expect([nameOf("/a/b.jpg"), folderOf("/a/b.jpg"), folderOf("/b.jpg")]).toEqual(["b.jpg", "/a", "/"]);
  });
});

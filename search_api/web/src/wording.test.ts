import { describe, expect, it, vi } from "vitest";

import { bytes, duration, exposure, folderOf, moment, nameOf, offset, position, wallClock } from "./wording";

vi.hoisted(() => vi.stubEnv("TZ", "Europe/Berlin"));

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
  it("shows a camera's clock as it stood, and a record in the person's time", () => {
    expect(wallClock("2024-03-31T02:30:00")).toMatch(/2:30/); // an hour that this zone leaves out
    expect(moment("2024-06-30T23:30:00")).toMatch(/1:30/);
    expect(moment("2024-06-30T23:30:00", false)).toBe(wallClock("2024-07-01", false));
  });
  it("parts a path", () => {
    expect([nameOf("/a/b.jpg"), folderOf("/a/b.jpg"), folderOf("/b.jpg")]).toEqual(["b.jpg", "/a", "/"]);
  });
});

import { describe, expect, it } from "vitest";

import { boxField, narrowed, nearField, readPlace, writtenPlace } from "./query";

const box = { south: 38.69, west: -9.2300001, north: 38.8, east: -9.1 };

describe("a place as a part of a query", () => {
  it("is written as the query language reads it", () => {
    expect(boxField(box)).toBe("box:38.69,-9.23,38.8,-9.1");
    expect(nearField(48.8583702, -2.2944813)).toBe("near:48.85837,-2.29448,1km");
  });

  it("is the whole of a query without words", () => {
    expect(narrowed(undefined, "box:1,2,3,4")).toBe("box:1,2,3,4");
  });

  it("goes beside words, and around alternatives", () => {
    expect(narrowed("beach", "box:1,2,3,4")).toBe("beach box:1,2,3,4");
    expect(narrowed("cat OR dog", "box:1,2,3,4")).toBe("(cat OR dog) box:1,2,3,4");
    expect(narrowed("DOOR", "box:1,2,3,4")).toBe("DOOR box:1,2,3,4");
  });

  it("takes the place of the box before", () => {
    expect(narrowed("beach box:-1.5,-2,3,4", "box:1,2,3,4")).toBe("beach box:1,2,3,4");
    expect(narrowed("box:-1,-2,3,4", "box:1,2,3,4")).toBe("box:1,2,3,4");
    expect(narrowed("-box:1,2,3,5 sea", "box:1,2,3,4")).toBe("-box:1,2,3,5 sea box:1,2,3,4");
  });
});

describe("where a map looks", () => {
  it("stands in the address", () => {
    const place = { lat: 38.71667, lon: -9.13333, zoom: 6.5 };
    expect(readPlace(writtenPlace(place))).toEqual(place);
  });

  it.each([undefined, "", "1,2", "a,b,c", "91,0,3", "0,0,99"])("is nowhere for %s", (text) => {
    expect(readPlace(text)).toBeNull();
  });
});

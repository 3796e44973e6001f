import { describe, expect, it } from "vitest";

import { batched, choice } from "./files";

const file = (path: string, size: number, type = "image/jpeg") => ({ file: new File(["x".repeat(size)], path, { type }), path });

describe("files that are sent", () => {
  it("leave out videos and what is hidden", () => {
    const { files, leftOut } = choice([file("a/b.jpg", 1), file("a/c.mp4", 1, "video/mp4"), file("a/.DS_Store", 1, "")]);
    expect(files.map(({ path }) => path)).toEqual(["a/b.jpg"]);
    expect(leftOut).toBe(2);
  });
  it("go in requests of a size that can be sent again", () => {
    const sizes = batched([file("1", 60), file("2", 30), file("3", 30), file("4", 200), file("5", 1)], 2, 100).map((each) => each.length);
    expect(sizes).toEqual([2, 1, 1, 1]);
  });
  it("go with their sidecars in one request", () => {
    const all = ["a/1.jpg", "a/2.jpg", "a/2.jpg.more.json", "b/1.xmp", "a/1.XMP", "2021.05.jpg", "2021.06.jpg"].map((path) => file(path, 1));
    const batches = batched(all, 2).map((batch) => batch.map(({ path }) => path));
    expect(batches).toEqual([["a/1.jpg", "a/1.XMP"], ["a/2.jpg", "a/2.jpg.more.json"], ["b/1.xmp", "2021.05.jpg"], ["2021.06.jpg"]]);
  });
});

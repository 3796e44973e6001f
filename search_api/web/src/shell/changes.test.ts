import { describe, expect, it } from "vitest";

import { ApiError } from "../api/client";
import { Changes, type Done } from "./changes";

const busy = new ApiError("MANIFEST_BUSY", "busy", 503);

/** A list of what happened; changes write to it, and wait for `release` where they are told to. */
function told() {
  const log: string[] = [];
  const changes = new Changes({
    begun: () => undefined,
    done: ({ done }) => log.push(`did ${done.text}`),
    undone: ({ text }) => log.push(`undid ${text}`),
    stays: ({ text }) => log.push(`${text} stays`),
    failed: (error) => log.push(`failed: ${(error as Error).message}`),
  });
  const change = (text: string, undo: Done["undo"] = () => Promise.resolve()) =>
    changes.do(() => Promise.resolve({ text, undo }));
  /** A change that is under way until it is let go. */
  const slow = (text: string) => {
    let letGo = (_: Done | Error) => undefined as void;
    const end = changes.do(
      () => new Promise((done, fail) => (letGo = (what) => (what instanceof Error ? fail(what) : done(what)))),
    );
    return { end, done: () => letGo({ text, undo: () => Promise.resolve() }), fails: () => letGo(busy) };
  };
  const rest = () => new Promise((done) => setTimeout(done));
  return { log, changes, change, slow, rest };
}

describe("changes", () => {
  it("that are under way are the ones that are undone, once they are done", async () => {
    const { log, changes, change, slow, rest } = told();
    await change("old");
    const { done } = slow("new");
    await rest();
    expect(changes.undoLast()).toBe(true);
    await rest();
    expect(log).toEqual(["did old"]);
    void change("third");
    done();
    await rest();
    expect(log).toEqual(["did old", "did new", "undid new", "did third"]);
  });

  it("that fail, or change nothing, leave their place", async () => {
    const { log, changes, change, slow, rest } = told();
    await change("old");
    const { end, fails } = slow("new");
    await rest();
    changes.undoLast();
    fails();
    await expect(end).rejects.toBe(busy);
    await rest();
    expect(log).toEqual(["did old"]);
    await changes.do(() => Promise.resolve(null));
    await expect(changes.do(() => Promise.reject(busy))).rejects.toBe(busy);
    changes.undoLast();
    await rest();
    expect(log).toEqual(["did old", "undid old"]);
    expect(changes.undoLast()).toBe(false);
  });

  it("without a way back keep what was done before them", async () => {
    const { log, changes, change, rest } = told();
    await change("old");
    await changes.do(() => Promise.resolve({ text: "deletion" }));
    await change("new");
    for (let press = 0; press < 3; press += 1) changes.undoLast();
    await rest();
    changes.undoLast();
    await rest();
    expect(log.slice(3)).toEqual(["undid new", "deletion stays", "deletion stays"]);
  });

  it("are undone in their order also after one was busy", async () => {
    const { log, changes, change, rest } = told();
    let times = 0;
    await change("one");
    await change("two", () => (++times === 1 ? Promise.reject(busy) : Promise.resolve()));
    await change("three");
    for (let press = 0; press < 3; press += 1) changes.undoLast();
    await rest();
    expect(log.slice(3)).toEqual(["undid three", "failed: busy"]);
    while (changes.undoLast()) await rest();
    expect(log.slice(5)).toEqual(["undid two", "undid one"]);
  });

  it("whose way back is refused for good are let go, and what waited behind them waits on", async () => {
    const { log, changes, change, rest } = told();
    await change("one");
    await change("two", () => Promise.reject(new ApiError("PHOTO_NOT_FOUND", "gone", 404)));
    changes.undoLast();
    changes.undoLast();
    await rest();
    expect(log.slice(2)).toEqual(["failed: gone"]);
    while (changes.undoLast()) await rest();
    expect(log.slice(3)).toEqual(["undid one"]);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { askEarly, fetchOrEarly } from "./early";

const HERE = "http://loupe.test";
const get = (path: string) => new Request(`${HERE}${path}`);
const post = (path: string, body: unknown) => new Request(`${HERE}${path}`, { method: "POST", body: JSON.stringify(body) });

describe("what was asked early", () => {
  let times = 0;
  beforeEach(() => {
    times = 0;
    vi.useFakeTimers();
    vi.stubGlobal("location", new URL(HERE));
    vi.stubGlobal("fetch", async (asked: Request | string) => {
      times += 1;
      return new Response(`${times} ${typeof asked === "string" ? asked : new URL(asked.url).pathname}`);
    });
  });
  afterEach(() => {
    vi.runAllTimers();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const said = async (request: Request) => (await fetchOrEarly(request)).text();

  it("is answered once, and then asked anew", async () => {
    void askEarly("/status");
    expect(await said(get("/status"))).toBe("1 /status");
    expect(await said(get("/status"))).toBe("2 /status");
  });
  it("answers nothing else: another address, another body", async () => {
    void askEarly("/search", { q: "boat" });
    expect(await said(post("/search", { q: "sea" }))).toBe("2 /search");
    expect(await said(get("/search"))).toBe("3 /search");
    expect(await said(get("/status?all=1"))).toBe("4 /status");
    expect(await said(post("/search", { q: "boat" }))).toBe("1 /search");
  });
  it("is too old after a while", async () => {
    void askEarly("/status");
    vi.advanceTimersByTime(11_000);
    expect(await said(get("/status"))).toBe("2 /status");
  });
  it("tells who asks for it that it failed", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("offline")));
    await expect(askEarly("/status")).rejects.toThrow("offline");
    await expect(fetchOrEarly(get("/status"))).rejects.toThrow("offline");
  });
});

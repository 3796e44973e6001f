import { describe, expect, it } from "vitest";

import { ApiError } from "./client";
import { askAgain, waitBefore, worthAnotherTry } from "./queries";

describe("asking again", () => {
  it("is for what passes by itself, and not for ever", () => {
    const busy = new ApiError("TOO_MANY_REQUESTS", "", 429, 3);
    expect([0, 3, 4].map((times) => askAgain(times, busy))).toEqual([true, true, false]);
    for (const code of ["INDEX_LOADING", "MODEL_LOADING"]) expect(askAgain(100, new ApiError(code, "", 503))).toBe(true);
    for (const code of ["QUERY_INVALID", "SEARCH_BY_CONTENT_OFF", "DAGSTER_UNREACHABLE"])
      expect(askAgain(0, new ApiError(code, "", code === "QUERY_INVALID" ? 400 : 503))).toBe(false);
  });
  it("is offered where another answer may come", () => {
    const worth = (code: string, status: number) => worthAnotherTry(new ApiError(code, "", status));
    for (const [code, status] of [["OFFLINE", 0], ["INDEX_BUSY", 503], ["TOO_MANY_REQUESTS", 429]] as const)
      expect(worth(code, status), code).toBe(true);
    for (const [code, status] of [["QUERY_INVALID", 422], ["PHOTO_NOT_FOUND", 404], ["NOT_AN_IMAGE", 422]] as const)
      expect(worth(code, status), code).toBe(false);
  });
  it("waits as long as it is told to, else longer each time", () => {
    expect(waitBefore(0, new ApiError("TOO_MANY_REQUESTS", "", 429, 3))).toBe(3000);
    const offline = new ApiError("OFFLINE", "", 0);
    expect([0, 1, 2, 9].map((times) => waitBefore(times, offline))).toEqual([700, 1400, 2800, 15_000]);
  });
});

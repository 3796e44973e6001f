import { describe, expect, it } from "vitest";

import { ApiError } from "../api/client";
import { mended } from "./mend";

const refused = (details: Record<string, unknown>, code = "QUERY_INVALID") => new ApiError(code, "", 422, null, details);

describe("a query that cannot be read", () => {
  it("gets what is suggested in its place", () => {
    const field = { position: 2, length: 6, suggestion: "camera:" };
    expect(mended("😀 camra:nikon dog", refused(field))).toBe("😀 camera:nikon dog");
    expect(mended("(cat OR dog", refused({ position: 0, length: 1, suggestion: "" }))).toBe("cat OR dog");
  });
  it("stays as it is without a suggestion, or with one for another query", () => {
    expect(mended("iso:fast", refused({ position: 4, length: 4, suggestion: null }))).toBeNull();
    expect(mended("(", refused({ position: 0, length: 1, suggestion: "" }))).toBeNull();
    expect(mended("dog", refused({ position: 2, length: 6, suggestion: "camera:" }))).toBeNull();
    expect(mended("camra:x", refused({ position: 0, length: 6, suggestion: "camera:" }, "INVALID_REQUEST"))).toBeNull();
  });
});

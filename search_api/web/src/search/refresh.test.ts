import { describe, expect, it, vi } from "vitest";

import { followed } from "./refresh";

describe("after changes", () => {
  it("search is asked once for several, and again when the index has them", async () => {
    vi.useFakeTimers();
    const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    const refresh = vi.fn();
    const states = [
      { applied: 4, newest: 7 },
      { applied: 7, newest: 7 },
    ];
    const look = vi.fn(async () => states.shift() ?? { applied: null, newest: 0 });
    const first = followed(look, refresh, wait);
    await vi.advanceTimersByTimeAsync(500);
    const second = followed(look, refresh, wait);
    await vi.advanceTimersByTimeAsync(900);
    expect(refresh).toHaveBeenCalledTimes(1);
    await vi.runAllTimersAsync();
    await Promise.all([first, second]);
    expect(refresh).toHaveBeenCalledTimes(2);
    expect(look).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});

// How the page asks: what passes by itself is asked for again, each time later; anything else is told at once.

import { QueryClient } from "@tanstack/react-query";

import { ApiError } from "./client";

const TIMES = 4;
const FIRST_WAIT_MS = 700;
const LONGEST_WAIT_MS = 15_000;
/** What a start brings along is waited for as long as it takes. */
const STARTS: ReadonlySet<string> = new Set(["INDEX_LOADING", "MODEL_LOADING"]);
const PASSES: ReadonlySet<string> = new Set([...STARTS, "OFFLINE", "INDEX_BUSY", "MANIFEST_BUSY", "UPLOADS_BUSY"]);

/** Whether it may go well a little later without anybody doing something. */
export const passes = (error: unknown): boolean => error instanceof ApiError && (error.status === 429 || PASSES.has(error.code));

/** Refusals that may be none a moment later, though they say that something is wrong with what was asked. */
const MAY_PASS: ReadonlySet<number> = new Set([401, 408, 410, 429]);

/** Whether a person who asks for the same again may get another answer. */
export function worthAnotherTry({ code, status }: ApiError): boolean {
  return status < 400 || status >= 500 || MAY_PASS.has(status) || code === "PHOTO_NOT_EMBEDDED";
}

export const askAgain = (times: number, error: unknown): boolean =>
  passes(error) && (times < TIMES || STARTS.has((error as ApiError).code));

/** Milliseconds to wait after so many failures: what the reply says, else twice as long each time. */
export function waitBefore(times: number, error: unknown): number {
  const said = error instanceof ApiError ? error.retryAfterS : null;
  const wait = said === null ? FIRST_WAIT_MS * 2 ** times : said * 1000;
  return Math.min(Math.max(wait, FIRST_WAIT_MS), LONGEST_WAIT_MS);
}

export const makeQueries = () =>
  new QueryClient({
    defaultOptions: {
      // Loupe runs on this machine or near it: a browser without internet reaches it all the same.
      queries: { retry: askAgain, retryDelay: waitBefore, refetchOnWindowFocus: false, networkMode: "always" },
      mutations: { networkMode: "always" },
    },
  });

// After a change that search must show: asked anew once for all changes of a moment, and again when the index was busy.

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { statusOptions } from "../api/library";

const SOON_MS = 800;
// What the status says may be two seconds old.
const SURE_MS = 2300;
const LOOKS = 10;

/** What is answered out of the index. */
const FROM_INDEX = ["search", "facets", "collections", "similar", "map", "map-found", "map-columns"];

let change = 0;

/** Resolves once the index has the change for which it was called, or somebody made another, or after some time. */
export async function followed(
  look: () => Promise<{ applied: number | null; newest: number }>,
  refresh: () => void,
  wait: (ms: number) => Promise<void>,
): Promise<void> {
  change += 1;
  const own = change;
  await wait(SOON_MS);
  if (own !== change) return; // the later one looks for both
  refresh();
  for (let looks = 0; looks < LOOKS; looks += 1) {
    await wait(SURE_MS);
    if (own !== change) return;
    const { applied, newest } = await look();
    if (applied !== null && applied >= newest) break;
  }
  refresh();
}

export function useSearchSoon(): () => void {
  const queries: QueryClient = useQueryClient();
  return useCallback(() => {
    const look = async () => {
      const { index } = await queries.fetchQuery({ ...statusOptions, staleTime: 0 });
      return { applied: index.applied_seq, newest: index.newest_seq };
    };
    const refresh = () => {
      for (const key of FROM_INDEX) void queries.invalidateQueries({ queryKey: [key] });
    };
    followed(look, refresh, (ms) => new Promise((resolve) => window.setTimeout(resolve, ms))).catch(refresh);
  }, [queries]);
}

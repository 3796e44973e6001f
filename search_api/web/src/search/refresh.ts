// After a change that search must show: it takes the index a moment, longer while it is busy.

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

const LOOKS_MS = [800, 2500, 6000];

export function useSearchSoon(): () => void {
  const queries: QueryClient = useQueryClient();
  return useCallback(() => {
    for (const wait of LOOKS_MS) {
      window.setTimeout(() => {
        for (const key of ["search", "facets", "collections"]) void queries.invalidateQueries({ queryKey: [key] });
      }, wait);
    }
  }, [queries]);
}

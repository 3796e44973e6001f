// Which photos of the results are chosen: some by their ids, or all that a search finds.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";

import { asApiError, type SearchQuery } from "../api/client";
import { BLOCK, blockOptions, PART, partOptions, type Search } from "../search/request";
import { useNote } from "../shell/Notes";
import { t } from "../texts";

/** What the API takes for chosen photos. */
export type ChosenPhotos = { photo_ids: string[] } | { query: SearchQuery };

export interface Selection {
  ids: ReadonlySet<string>;
  /** All that are found. */
  all: boolean;
  count: number;
  /** How many "all" are; null where all cannot be named (a picture, photos by chance). */
  most: number | null;
  chosen: ChosenPhotos;
  has: (photoId: string, index: number) => boolean;
  toggle: (photoId: string, index: number) => void;
  /** All from the one that was toggled last to this one. */
  extendTo: (index: number) => Promise<void>;
  /** The ids that are chosen, and no others. */
  replace: (ids: ReadonlySet<string>) => void;
  chooseAll: () => void;
  clear: () => void;
}

export function useSelection(search: Search | null, total: number, relevant: number | null): Selection {
  const queries = useQueryClient();
  const note = useNote();
  const [state, setState] = useState<{ ids: ReadonlySet<string>; all: boolean }>({ ids: new Set(), all: false });
  const anchor = useRef(0);
  const key = search?.key;
  useEffect(() => {
    setState((before) => (before.ids.size || before.all ? { ids: new Set(), all: false } : before));
    anchor.current = 0;
  }, [key]);
  return useMemo<Selection>(() => {
    const { ids, all } = state;
    // Of a ranking all means what is relevant, as the API takes it.
    const most = !search || search.picture || search.saved || search.seed !== null ? null : (relevant ?? total);
    const replace = (next: ReadonlySet<string>) => setState({ ids: next, all: false });
    return {
      ids,
      all,
      most,
      count: all ? (most ?? 0) : ids.size,
      chosen: all && search ? { query: { ...search.body, sort: null } } : { photo_ids: [...ids] },
      has: (photoId, index) => (all ? index < (most ?? 0) : ids.has(photoId)),
      toggle: (photoId, index) => {
        anchor.current = index;
        const next = new Set(ids);
        if (!next.delete(photoId)) next.add(photoId);
        replace(next);
      },
      extendTo: async (index) => {
        if (!search) return;
        const [from, to] = [Math.min(anchor.current, index), Math.max(anchor.current, index)];
        if (from === 0 && to === total - 1 && most === total && total > BLOCK) {
          setState({ ids: new Set(), all: true });
          return;
        }
        // What is shown is there already; of much more than that the most is fetched at once.
        const shown = to - from < PART;
        const size = shown ? BLOCK : PART;
        const next = new Set(ids);
        try {
          for (let offset = Math.floor(from / size) * size; offset <= to; offset += size) {
            const options = shown ? blockOptions(search, offset / size) : partOptions(search, offset);
            const { hits } = await queries.fetchQuery(options as ReturnType<typeof blockOptions>);
            hits.forEach((hit, at) => {
              if (offset + at >= from && offset + at <= to) next.add(hit.photo_id);
            });
            if (!shown) note({ text: t.selection.choosing(Math.min(offset + size, to + 1) - from, to + 1 - from) });
          }
        } catch (error) {
          note({ text: asApiError(error).message });
          return;
        }
        replace(next);
      },
      replace,
      chooseAll: () => most !== null && setState({ ids: new Set(), all: true }),
      clear: () => setState({ ids: new Set(), all: false }),
    };
  }, [state, search, total, relevant, queries, note]);
}

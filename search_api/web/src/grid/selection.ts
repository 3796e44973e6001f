// Which photos of the results are chosen: some by their ids, or all that a search finds.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";

import { asApiError, type SearchQuery } from "../api/client";
import { BLOCK, type Search } from "../search/asked";
import { blockOptions, PART, partOptions } from "../search/request";
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
  const turn = useRef(0); // each choice has its own; what is fetched for one that is not the last is let go
  const key = search?.key;
  useEffect(() => {
    turn.current += 1;
    setState((before) => (before.ids.size || before.all ? { ids: new Set(), all: false } : before));
    anchor.current = 0;
  }, [key]);
  return useMemo<Selection>(() => {
    const { ids, all } = state;
    // Of a ranking all means what is relevant, as the API takes it.
    const most = !search || search.picture || search.saved || search.seed !== null ? null : (relevant ?? total);
    const become = (next: { ids: ReadonlySet<string>; all: boolean }) => {
      turn.current += 1;
      setState(next);
    };
    const replace = (next: ReadonlySet<string>) => become({ ids: next, all: false });
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
          become({ ids: new Set(), all: true });
          return;
        }
        // What is shown is there already; of much more than that the most is fetched at once.
        const shown = to - from < PART;
        const size = shown ? BLOCK : PART;
        const own = ++turn.current;
        const isLast = () => own === turn.current;
        const fetched = (offset: number) =>
          queries.fetchQuery((shown ? blockOptions(search, offset / size) : partOptions(search, offset)) as ReturnType<typeof blockOptions>);
        const tell = (done: number) => !shown && note({ text: t.selection.choosing(done, to + 1 - from) });
        try {
          const added = await stretch(from, to, size, fetched, isLast, tell);
          if (added) replace(new Set([...ids, ...added]));
        } catch (error) {
          if (isLast()) note({ text: asApiError(error).message });
        }
      },
      replace,
      chooseAll: () => most !== null && become({ ids: new Set(), all: true }),
      clear: () => replace(new Set()),
    };
  }, [state, search, total, relevant, queries, note]);
}

/** The photos from one place of the results to another, part by part; null once something else was chosen meanwhile. */
export async function stretch(
  from: number,
  to: number,
  size: number,
  fetched: (offset: number) => Promise<{ hits: { photo_id: string }[] }>,
  isLast: () => boolean,
  tell: (done: number) => void,
): Promise<string[] | null> {
  const found: string[] = [];
  for (let offset = Math.floor(from / size) * size; offset <= to; offset += size) {
    const { hits } = await fetched(offset);
    if (!isLast()) return null;
    hits.forEach((hit, at) => {
      if (offset + at >= from && offset + at <= to) found.push(hit.photo_id);
    });
    tell(Math.min(offset + size, to + 1) - from);
  }
  return found;
}

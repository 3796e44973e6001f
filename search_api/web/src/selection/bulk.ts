// One step to photos, and the way back that the API tells.

import { useQueryClient } from "@tanstack/react-query";

import { answer, type Bulk, client, type Undoing } from "../api/client";
import { useSearchSoon } from "../search/refresh";
import type { Done } from "../shell/changes";
import { useChange } from "../shell/Notes";
import { t } from "../texts";

/** Of more changes the API does not say what takes them back. */
export const MOST_WITH_UNDO = 10_000;
const AT_ONCE = ["photo", "tags", "status", "hidden"];

/** After a change: the photo at once, search as soon as it knows. */
export function useChanged() {
  const queries = useQueryClient();
  const searchSoon = useSearchSoon();
  return async () => {
    searchSoon();
    await Promise.all(AT_ONCE.map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
}

/** What was done, with the way back as the reply has it: none where that would be too much. */
export const doneWith = (text: string, undo: Undoing[] | undefined, after: () => unknown): Done =>
  undo?.length
    ? {
        text,
        undo: async () => {
          await answer(client.POST("/api/v1/bulk/undo", { body: { undo } }));
          void after();
        },
      }
    : { text: `${text} ${t.selection.noUndo}` };

/** Bring removed photos back, and say that they are. */
export function useRestore() {
  const change = useChange();
  const changed = useChanged();
  return (photoIds: string[]) =>
    change(async () => {
      const { photo_ids: restored } = await answer(client.POST("/api/v1/hidden/show", { body: { photo_ids: photoIds } }));
      void changed();
      // Of a document the page that was asked for is enough; all of them may be more than one request takes.
      const back = { photo_ids: photoIds.filter((photoId) => restored.includes(photoId)) };
      if (back.photo_ids.length === 0) return null;
      return {
        text: t.removed.restored(restored.length),
        undo: async () => {
          await answer(client.POST("/api/v1/hidden", { body: back }));
          void changed();
        },
      };
    });
}

/** Do a step, for `useChange`; null where nothing is other than before. */
export function useStep() {
  const changed = useChanged();
  return async (body: Bulk, said: (count: number) => string): Promise<Done | null> => {
    const { changed: count, undo } = await answer(client.POST("/api/v1/bulk", { body: { ...body, undo: true } }));
    void changed();
    return count > 0 ? doneWith(said(count), undo, changed) : null;
  };
}

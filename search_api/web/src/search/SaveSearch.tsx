// Keeping what is searched for, under a name.

import { useQueryClient } from "@tanstack/react-query";

import { answer, client } from "../api/client";
import { NameDialog } from "../collections/NameDialog";
import { useChange } from "../shell/Notes";
import { t } from "../texts";
import type { View } from "../view";
import { keptOf, savedOptions } from "./saved";

export function SaveSearch({ view, onClose }: { view: View; onClose: () => void }) {
  const queries = useQueryClient();
  const change = useChange();
  return (
    <NameDialog
      title={t.saved.save}
      first={view.q}
      doIt={t.edits.save}
      onClose={onClose}
      act={async (name) => {
        const refresh = () => void queries.invalidateQueries({ queryKey: savedOptions.queryKey });
        await change(async () => {
          await answer(client.POST("/api/v1/saved-searches", { body: { name, query: keptOf(view) } }));
          refresh();
          return {
            text: t.saved.kept(name),
            undo: async () => {
              await answer(client.DELETE("/api/v1/saved-searches/{name}", { params: { path: { name } } }));
              refresh();
            },
          };
        });
      }}
    />
  );
}

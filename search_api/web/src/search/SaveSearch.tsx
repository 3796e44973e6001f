// Keeping what is searched for, under a name.

import { useQueryClient } from "@tanstack/react-query";

import { answer, client } from "../api/client";
import { NameDialog } from "../collections/NameDialog";
import { useNote } from "../shell/Notes";
import { t } from "../texts";
import type { View } from "../view";
import { keptOf, savedOptions } from "./saved";

export function SaveSearch({ view, onClose }: { view: View; onClose: () => void }) {
  const queries = useQueryClient();
  const note = useNote();
  return (
    <NameDialog
      title={t.saved.save}
      first={view.q}
      doIt={t.edits.save}
      onClose={onClose}
      act={async (name) => {
        await answer(client.POST("/api/v1/saved-searches", { body: { name, query: keptOf(view) } }));
        void queries.invalidateQueries({ queryKey: savedOptions.queryKey });
        note({ text: t.saved.kept(name) });
      }}
    />
  );
}

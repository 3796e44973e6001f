// Keeping what is searched for, under a name.

import { Button, Modal, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import type { View } from "../address";
import { answer, asApiError, client } from "../api/client";
import { useNote } from "../shell/Notes";
import { t } from "../texts";
import { keptOf, savedOptions } from "./saved";

export function SaveSearch({ view, onClose }: { view: View; onClose: () => void }) {
  const queries = useQueryClient();
  const note = useNote();
  const [name, setName] = useState(view.q ?? "");
  const [failed, setFailed] = useState<string | null>(null);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await answer(client.POST("/api/v1/saved-searches", { body: { name, query: keptOf(view) } }));
      void queries.invalidateQueries({ queryKey: savedOptions.queryKey });
      note({ text: t.saved.kept(name.trim()) });
      onClose();
    } catch (error) {
      setFailed(asApiError(error).message);
    }
  };
  return (
    <Modal opened onClose={onClose} title={t.saved.save} closeButtonProps={{ "aria-label": t.close }}>
      <form className="bulk" onSubmit={(event) => void save(event)}>
        <TextInput
          data-autofocus
          label={t.saved.name}
          required
          withAsterisk={false}
          maxLength={200}
          value={name}
          error={failed}
          errorProps={{ role: "alert" }}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div className="buttons">
          <Button type="submit" disabled={!name.trim()}>
            {t.edits.save}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t.edits.cancel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

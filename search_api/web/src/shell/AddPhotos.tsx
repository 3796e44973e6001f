// "Add photos", from wherever it is pressed.

import { Button, Modal, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { createContext, type FormEvent, lazy, type ReactNode, Suspense, useContext, useMemo, useState } from "react";

import { answer, asApiError, client } from "../api/client";
import { foldersOptions, statusOptions } from "../api/library";
import { t } from "../texts";

const FolderList = lazy(() => import("../library/Folders").then((module) => ({ default: module.FolderList })));
const Context = createContext<{ open: () => void }>({ open: () => undefined });

export const useAddPhotos = () => useContext(Context);

export function AddPhotosProvider({ children }: { children: ReactNode }) {
  const [opened, { open, close }] = useDisclosure(false);
  const value = useMemo(() => ({ open }), [open]);
  return (
    <Context value={value}>
      {children}
      <Modal opened={opened} onClose={close} title={t.add.title} size="lg" closeButtonProps={{ "aria-label": t.close }}>
        <AddPhotos onLeave={close} />
      </Modal>
    </Context>
  );
}

function AddPhotos({ onLeave }: { onLeave: () => void }) {
  const queries = useQueryClient();
  const [path, setPath] = useState("");
  const [refused, setRefused] = useState<string | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!path.trim()) return;
    setAsking(true);
    setRefused(null);
    setSaid(null);
    try {
      const added = await answer(client.POST("/api/v1/folders", { body: { path: path.trim() } }));
      setSaid(added.note ?? t.add.added(added.folder.path, added.photo_files));
      setPath("");
      void queries.invalidateQueries({ queryKey: statusOptions.queryKey });
      void queries.invalidateQueries({ queryKey: foldersOptions.queryKey });
    } catch (error) {
      setRefused(asApiError(error).message);
    } finally {
      setAsking(false);
    }
  };
  return (
    <>
      <p className="muted">{t.add.note}</p>
      <form className="add-folder" onSubmit={(event) => void submit(event)} noValidate>
        <TextInput
          data-autofocus
          label={t.add.path}
          placeholder={t.add.example}
          required
          withAsterisk={false}
          autoComplete="off"
          spellCheck={false}
          value={path}
          error={refused}
          errorProps={{ role: "alert" }}
          onChange={(event) => setPath(event.currentTarget.value)}
        />
        <Button type="submit" loading={asking}>
          {t.add.add}
        </Button>
      </form>
      <p role="status" className="said">
        {said}
      </p>
      <h3>{t.library.watched}</h3>
      <Suspense fallback={null}>
        <FolderList onLeave={onLeave} />
      </Suspense>
    </>
  );
}

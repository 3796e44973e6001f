// Where photos come from: a folder of the machine that Loupe runs on, or files that are sent to it.

import { Button, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { answer, asApiError, client } from "../api/client";
import { foldersOptions, statusOptions, useMay } from "../api/library";
import { t } from "../texts";
import type { Upload } from "../upload/upload";
import { Uploading } from "../upload/Uploading";
import { FolderList } from "./Folders";
import { FolderPicker } from "./FolderPicker";

interface Props {
  upload: Upload;
  /** It was opened by what was dropped on the page. */
  dropped: boolean;
  onLeave: () => void;
}

export function AddPhotosContent({ upload, dropped, onLeave }: Props) {
  const mayAdd = useMay("admin");
  const maySend = useMay("write");
  const sending = maySend && (
    <section aria-label={t.upload.title}>
      <h3>{t.upload.title}</h3>
      <Uploading upload={upload} />
    </section>
  );
  return (
    <>
      {!dropped && mayAdd && <AddFolder />}
      {sending}
      <h3>{t.library.watched}</h3>
      <FolderList onLeave={onLeave} />
    </>
  );
}

function AddFolder() {
  const queries = useQueryClient();
  const [path, setPath] = useState("");
  const [open, setOpen] = useState<string | null>(null);
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
      void queries.invalidateQueries({ queryKey: ["directories"] });
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
          // The dialog stands before its content has come.
          autoFocus
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
      <FolderPicker
        path={open}
        onOpen={(next) => {
          setOpen(next);
          setPath(next ?? "");
          setRefused(null);
        }}
      />
    </>
  );
}

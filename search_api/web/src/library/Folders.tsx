// The folders that the library watches.

import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Folder as FolderIcon, FolderX } from "lucide-react";
import { Link } from "wouter";

import { answer, asApiError, client, type Folder } from "../api/client";
import { foldersOptions, useMay, useStatus } from "../api/library";
import { Dialog } from "../shell/Dialog";
import { useChanged } from "../selection/bulk";
import { useChange, useNote } from "../shell/Notes";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { address } from "../view";

export function FolderList({ onLeave }: { onLeave?: () => void }) {
  const { data: status } = useStatus();
  const asked = useQuery({ ...foldersOptions, refetchInterval: status?.job ? 4000 : false });
  const { data } = asked;
  if (!data) return <Trouble of={asked} />;
  if (data.folders.length === 0) return <p className="muted">{t.library.noFolder}</p>;
  return (
    <>
      <Trouble of={asked} />
      <ul className="folder-list">
        {data.folders.map((folder) => (
          <Row key={folder.root_id} folder={folder} onLeave={onLeave} />
        ))}
      </ul>
    </>
  );
}

function Row({ folder, onLeave }: { folder: Folder; onLeave?: () => void }) {
  const lost = folder.state !== "online";
  const may = useMay("admin");
  const changed = useChanged();
  const change = useChange();
  const note = useNote();
  const queries = useQueryClient();
  const [opened, { open, close }] = useDisclosure(false);
  const path = { root_id: folder.root_id };
  const act = async (action: () => Promise<string>) => {
    close();
    try {
      await change(async () => ({ text: await action() })); // there is no way back
    } catch (error) {
      note({ text: asApiError(error).message });
    }
    await queries.invalidateQueries({ queryKey: foldersOptions.queryKey });
    await changed();
  };
  const remove = () =>
    act(async () => {
      const { photos } = await answer(client.DELETE("/api/v1/folders/{root_id}", { params: { path } }));
      return t.library.removed(folder.path, photos);
    });
  const accept = () =>
    act(async () => {
      const { gone } = await answer(client.POST("/api/v1/folders/{root_id}/accept-missing", { params: { path } }));
      return t.library.accepted(gone);
    });
  return (
    <li className={lost ? "attention" : undefined}>
      {lost ? <FolderX size={20} aria-hidden="true" /> : <FolderIcon size={20} aria-hidden="true" />}
      <div>
        <Link href={address({}, { folder: folder.path })} onClick={onLeave} title={t.library.show}>
          <code>{folder.path}</code>
        </Link>
        <p className="muted">
          {t.library.photos(folder.photos)}
          {folder.waiting > 0 && ` · ${t.library.stillToRead(folder.waiting)}`}
          {folder.missing > 0 && ` · ${t.library.missing(folder.missing)}`}
          {folder.skipped > 0 && (
            <>
              {" · "}
              <Link href={address({}, { under: folder.path }, "/library/skipped")} onClick={onLeave}>
                {t.library.leftOut(folder.skipped)}
              </Link>
            </>
          )}
        </p>
        {!onLeave && may && (
          <div className="buttons">
            {folder.state === "vanished" && (
              <Button size="compact-sm" variant="default" onClick={() => void accept()}>
                {t.library.accept}
              </Button>
            )}
            <Button size="compact-sm" variant="subtle" color="gray" aria-label={t.library.removeNamed(folder.path)} onClick={open}>
              {t.library.remove}
            </Button>
          </div>
        )}
        <Dialog opened={opened} onClose={close} title={t.library.sure}>
          <p>
            <code>{folder.path}</code>
          </p>
          <p className="muted">{t.library.sureNote(folder.photos)}</p>
          <div className="buttons">
            <Button onClick={() => void remove()}>{t.library.doRemove}</Button>
            <Button variant="default" onClick={close}>
              {t.edits.cancel}
            </Button>
          </div>
        </Dialog>
        {lost && <p className="state">{folder.state === "offline" ? t.library.offline : t.library.vanished}</p>}
      </div>
    </li>
  );
}

// What can be done with the photos that are chosen.

import { Button, CloseButton } from "@mantine/core";
import { Copy, Download, FolderPlus, Images, Star, Tag, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";

import { useView } from "../address";
import { answer, asApiError, client } from "../api/client";
import { useMay } from "../api/library";
import type { Selection } from "../grid/selection";
import { useLayer } from "../shell/layers";
import { useNote } from "../shell/Notes";
import { t } from "../texts";
import type { View } from "../view";
import { useHide } from "../viewer/Edits";
import { MOST_WITH_UNDO } from "./bulk";
import { BulkDialog, type Doing } from "./BulkDialog";
import { copied, downloaded } from "./save";

const MOST_EXAMPLES = 20;

export function SelectionBar({ selection, view }: { selection: Selection; view: View }) {
  const { go } = useView();
  const note = useNote();
  const hide = useHide();
  const may = useMay("write");
  const [doing, setDoing] = useState<Doing | null>(null);
  const [busy, setBusy] = useState(false);
  const s = t.selection;
  const { clear } = selection;
  useLayer(clear, { covers: false });

  const act = async (work: () => Promise<string | null>) => {
    setBusy(true);
    try {
      const said = await work();
      if (said) note({ text: said });
    } catch (error) {
      note({ text: asApiError(error).message });
    } finally {
      setBusy(false);
    }
  };
  const copyPaths = () =>
    act(async () => {
      const body = { ...selection.chosen, end: "newline" as const };
      const text = (await answer(client.POST("/api/v1/handoff/paths", { body, parseAs: "text" }))) as string;
      const count = text.split("\n").filter(Boolean).length;
      return (await copied(text, "paths.txt")) ? s.copied(count) : s.pathsSaved(count);
    });
  const zip = () =>
    act(async () => {
      await downloaded("/api/v1/handoff/zip", selection.chosen);
      return s.zipped(selection.count);
    });
  const removeThem = () =>
    act(async () => {
      if (await hide([...selection.ids])) clear();
      return null;
    });
  const action = (label: string, icon: ReactNode, onClick: () => void) => (
    <Button size="compact-md" variant="subtle" className="action" leftSection={icon} disabled={busy} aria-label={label} title={label} onClick={onClick}>
      {label}
    </Button>
  );
  return (
    <section className="selection-bar" aria-label={s.label}>
      <CloseButton aria-label={s.clear} title={s.clear} onClick={clear} />
      <p role="status">{s.count(selection.count)}</p>
      {!selection.all && selection.most !== null && selection.most > selection.count && (
        <Button size="compact-md" variant="subtle" onClick={selection.chooseAll}>
          {s.all(selection.most)}
        </Button>
      )}
      <span className="actions">
        {may && action(s.tag, <Tag size={16} aria-hidden="true" />, () => setDoing("tag"))}
        {may && action(s.rate, <Star size={16} aria-hidden="true" />, () => setDoing("rate"))}
        {may && action(s.collect, <FolderPlus size={16} aria-hidden="true" />, () => setDoing("collect"))}
        {!selection.all &&
          selection.count <= MOST_EXAMPLES &&
          action(s.like, <Images size={16} aria-hidden="true" />, () => go("/", { like: [...selection.ids].join("\n") }))}
        {action(s.paths, <Copy size={16} aria-hidden="true" />, () => void copyPaths())}
        {action(s.zip, <Download size={16} aria-hidden="true" />, () => void zip())}
        {may &&
          action(s.hide, <Trash2 size={16} aria-hidden="true" />, () => {
            if (selection.all || selection.count > MOST_WITH_UNDO) setDoing("hide");
            else void removeThem();
          })}
      </span>
      {doing && <BulkDialog doing={doing} selection={selection} view={view} onClose={() => setDoing(null)} />}
    </section>
  );
}

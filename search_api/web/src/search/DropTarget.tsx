// What is dropped on the page: a picture is searched with or added, several and folders are added. A picture that is
// pasted is searched with.

import { type DragEvent as ReactDragEvent, useEffect, useState } from "react";

import { useView } from "../address";
import { asApiError } from "../api/client";
import { useMay } from "../api/library";
import { useAddPhotos } from "../shell/AddPhotos";
import { useNote } from "../shell/Notes";
import { t } from "../texts";
import { ofDrop } from "../upload/files";
import { usePicture } from "./picture";

export function DropTarget() {
  const { go } = useView();
  const { setPicture } = usePicture();
  const { offer } = useAddPhotos();
  const note = useNote();
  const mayAdd = useMay("write");
  const [over, setOver] = useState<"one" | "many" | null>(null);
  const [at, setAt] = useState<"find" | "add" | null>(null);
  useEffect(() => {
    let depth = 0;
    const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const searchWith = (file: File) => {
      setPicture(file);
      go("/");
    };
    const listeners = {
      dragenter: (event: DragEvent) => {
        if (!carriesFile(event)) return;
        depth += 1;
        setOver((event.dataTransfer?.items.length ?? 1) > 1 ? "many" : "one");
      },
      dragleave: (event: DragEvent) => {
        if (!carriesFile(event)) return;
        depth = Math.max(0, depth - 1);
        if (depth === 0) setOver(null);
      },
      dragover: (event: DragEvent) => {
        if (carriesFile(event)) event.preventDefault();
      },
      drop: (event: DragEvent) => {
        depth = 0;
        setOver(null);
        const file = event.dataTransfer?.files[0];
        if (!event.dataTransfer || !file) return;
        event.preventDefault();
        const adding = (event.target as HTMLElement).closest?.("[data-drop=add]");
        const isFolder = event.dataTransfer.items[0]?.webkitGetAsEntry()?.isDirectory;
        if (mayAdd && (adding || isFolder || event.dataTransfer.files.length > 1)) {
          ofDrop(event.dataTransfer).then(offer, (error: unknown) => note({ text: t.upload.unread(asApiError(error).message) }));
        } else searchWith(file);
      },
      paste: (event: ClipboardEvent) => {
        const file = [...(event.clipboardData?.files ?? [])].find((item) => item.type.startsWith("image/"));
        if (!file) return;
        event.preventDefault();
        searchWith(file);
      },
    };
    for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) {
        window.removeEventListener(name, listener as EventListener);
      }
    };
  }, [go, setPicture, offer, note, mayAdd]);
  if (!over) return null;
  const zone = (name: "find" | "add", text: string) => (
    <p
      data-drop={name}
      className={at === name ? "over" : undefined}
      onDragOver={(event: ReactDragEvent) => {
        event.preventDefault();
        setAt(name);
      }}
      onDragLeave={() => setAt(null)}
    >
      {text}
    </p>
  );
  return (
    <div className="drop-target">
      {(over === "one" || !mayAdd) && zone("find", t.search.drop)}
      {mayAdd && zone("add", t.upload.drop)}
    </div>
  );
}

// A picture dropped or pasted anywhere on the page is searched with.

import { useEffect, useState } from "react";

import { useView } from "../address";
import { t } from "../texts";
import { usePicture } from "./picture";

export function DropTarget() {
  const { go } = useView();
  const { setPicture } = usePicture();
  const [over, setOver] = useState(false);
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
        setOver(true);
      },
      dragleave: (event: DragEvent) => {
        if (!carriesFile(event)) return;
        depth = Math.max(0, depth - 1);
        if (depth === 0) setOver(false);
      },
      dragover: (event: DragEvent) => {
        if (carriesFile(event)) event.preventDefault();
      },
      drop: (event: DragEvent) => {
        depth = 0;
        setOver(false);
        const file = event.dataTransfer?.files[0];
        if (!file) return;
        event.preventDefault();
        searchWith(file);
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
  }, [go, setPicture]);
  if (!over) return null;
  return (
    <div className="drop-target">
      <p>{t.search.drop}</p>
    </div>
  );
}

// "Add photos", from wherever it is pressed or whatever is dropped on the page.

import { createContext, lazy, type ReactNode, Suspense, useContext, useEffect, useMemo, useRef, useState } from "react";

import { t } from "../texts";
import type { Choice } from "../upload/files";
import { useUpload } from "../upload/upload";
import { Boundary } from "./Boundary";
import { Dialog } from "./Dialog";
import { useNote } from "./Notes";

const Content = lazy(() => import("../library/AddPhotosContent").then((module) => ({ default: module.AddPhotosContent })));

interface Adding {
  open: () => void;
  /** Photos from this device, to be sent once a person says so. */
  offer: (dropped: Choice) => void;
}

const Context = createContext<Adding>({ open: () => undefined, offer: () => undefined });

export const useAddPhotos = () => useContext(Context);

export function AddPhotosProvider({ children }: { children: ReactNode }) {
  const note = useNote();
  const [shown, setShown] = useState<"asked" | "dropped" | null>(null);
  const isShown = useRef(false);
  useEffect(() => {
    isShown.current = shown !== null;
  }, [shown]);
  const upload = useUpload((said) => !isShown.current && note({ text: said }));
  const { choose } = upload;
  const value = useMemo<Adding>(
    () => ({
      open: () => setShown("asked"),
      offer: (dropped) => {
        choose(dropped);
        setShown("dropped");
      },
    }),
    [choose],
  );
  const close = () => {
    setShown(null);
    if (upload.sending) note({ text: t.upload.goesOn });
    else choose(null);
  };
  return (
    <Context value={value}>
      {children}
      <Dialog opened={shown !== null} onClose={close} title={t.add.title} size="lg">
        <Boundary at={String(shown !== null)} within>
          <Suspense fallback={null}>
            <Content upload={upload} dropped={shown === "dropped"} onLeave={close} />
          </Suspense>
        </Boundary>
      </Dialog>
    </Context>
  );
}

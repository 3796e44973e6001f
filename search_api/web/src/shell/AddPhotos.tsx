// "Add photos", from wherever it is pressed or whatever is dropped on the page.

import { createContext, lazy, type ReactNode, Suspense, useContext, useMemo, useState } from "react";

import { t } from "../texts";
import type { Choice } from "../upload/files";
import { Boundary } from "./Boundary";
import { Dialog } from "./Dialog";

const Content = lazy(() => import("../library/AddPhotosContent").then((module) => ({ default: module.AddPhotosContent })));

interface Adding {
  open: () => void;
  /** Photos from this device, to be sent once a person says so. */
  offer: (dropped: Choice) => void;
}

const Context = createContext<Adding>({ open: () => undefined, offer: () => undefined });

export const useAddPhotos = () => useContext(Context);

export function AddPhotosProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<{ dropped: Choice | null } | null>(null);
  const value = useMemo<Adding>(
    () => ({ open: () => setShown({ dropped: null }), offer: (dropped) => setShown({ dropped }) }),
    [],
  );
  const close = () => setShown(null);
  return (
    <Context value={value}>
      {children}
      <Dialog opened={shown !== null} onClose={close} title={t.add.title} size="lg">
        <Boundary at={String(shown !== null)} within>
          <Suspense fallback={null}>
            <Content dropped={shown?.dropped ?? null} onLeave={close} />
          </Suspense>
        </Boundary>
      </Dialog>
    </Context>
  );
}

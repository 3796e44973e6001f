// The picture a person searches with: dropped, pasted or chosen. It lives as long as the page.

import { createContext, type ReactNode, useContext, useMemo, useState } from "react";

interface Chosen {
  picture: File | null;
  /** Tells two pictures apart that are equal in name and size. */
  pictureId: number;
  setPicture: (picture: File | null) => void;
}

const Context = createContext<Chosen>({ picture: null, pictureId: 0, setPicture: () => undefined });

export function PictureProvider({ children }: { children: ReactNode }) {
  const [chosen, setChosen] = useState<{ picture: File | null; pictureId: number }>({ picture: null, pictureId: 0 });
  const value = useMemo<Chosen>(
    () => ({
      ...chosen,
      setPicture: (picture) =>
        setChosen((before) =>
          before.picture === picture ? before : { picture, pictureId: before.pictureId + (picture ? 1 : 0) },
        ),
    }),
    [chosen],
  );
  return <Context value={value}>{children}</Context>;
}

export const usePicture = (): Chosen => useContext(Context);

// The picture a person searches with: dropped, pasted or chosen. It lives as long as the view of photos: no other view
// searches with it, and who comes back by a link asks for what the link says.

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { usePathname } from "wouter/use-browser-location";

interface Chosen {
  picture: File | null;
  /** Tells two pictures apart that are equal in name and size. */
  pictureId: number;
  setPicture: (picture: File | null) => void;
}

const Context = createContext<Chosen>({ picture: null, pictureId: 0, setPicture: () => undefined });

export function PictureProvider({ children }: { children: ReactNode }) {
  const [chosen, setChosen] = useState<{ picture: File | null; pictureId: number }>({ picture: null, pictureId: 0 });
  const path = usePathname();
  useEffect(() => {
    if (path !== "/") setChosen((before) => (before.picture ? { ...before, picture: null } : before));
  }, [path]);
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

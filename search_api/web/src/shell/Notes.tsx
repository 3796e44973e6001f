// What was just done, said at the foot of the page for a while, with the way back.

import { Button, CloseButton } from "@mantine/core";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";

import { t } from "../texts";

const SHOWN_MS = 12_000; // long enough to reach the button by keyboard

interface Note {
  text: string;
  undo?: () => Promise<void>;
}

const Context = createContext<(note: Note) => void>(() => undefined);

export const useNote = () => useContext(Context);

export function NotesProvider({ children }: { children: ReactNode }) {
  const [note, setNote] = useState<Note | null>(null);
  const say = useCallback((next: Note) => setNote(next), []);
  useEffect(() => {
    if (!note) return;
    const timer = window.setTimeout(() => setNote(null), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [note]);
  const value = useMemo(() => say, [say]);
  return (
    <Context value={value}>
      {children}
      <div role="status" aria-label={t.notes} className={note ? "note-place shown" : "note-place"}>
        {note && (
          <>
            <p>{note.text}</p>
            {note.undo && (
              <Button
                size="compact-sm"
                variant="white"
                onClick={() => {
                  const undo = note.undo;
                  setNote(null);
                  void undo?.();
                }}
              >
                {t.undo}
              </Button>
            )}
            <CloseButton size="sm" aria-label={t.close} onClick={() => setNote(null)} />
          </>
        )}
      </div>
    </Context>
  );
}

// What was just done, said at the foot of the page for a while, with the way back.

import { Button, CloseButton } from "@mantine/core";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from "react";

import { asApiError } from "../api/client";
import { t } from "../texts";
import { useKeys } from "./layers";

const SHOWN_MS = 12_000;

interface Note {
  text: string;
  /** Whatever it raises is said. */
  undo?: () => Promise<void>;
}

/** Each line has its own time. */
type Said = Note & { at: number };

const Context = createContext<(note: Note) => void>(() => undefined);

export const useNote = () => useContext(Context);

export function NotesProvider({ children }: { children: ReactNode }) {
  const [notes, setNotes] = useState<Said[]>([]);
  const count = useRef(0);
  // What only tells something leaves the way back that stands there.
  const say = useCallback((next: Note) => {
    const said = { ...next, at: ++count.current };
    setNotes((before) => [...before.filter(({ undo }) => undo && !said.undo), said]);
  }, []);
  const drop = useCallback(({ at }: Said) => setNotes((before) => before.filter((each) => each.at !== at)), []);
  const undo = (note: Said) => {
    drop(note);
    note.undo?.().catch((error: unknown) => say({ text: asApiError(error).message }));
  };
  useKeys(
    (event) => {
      const last = notes.findLast((note) => note.undo);
      if (event.key !== "z" || !last) return;
      event.preventDefault();
      undo(last);
    },
    "everywhere",
    true,
  );
  return (
    <Context value={say}>
      {children}
      <div role="status" aria-label={t.notes} className="note-place">
        {notes.map((note) => (
          <Line key={note.at} note={note} onGone={drop} onUndo={undo} />
        ))}
      </div>
    </Context>
  );
}

function Line({ note, onGone, onUndo }: { note: Said; onGone: (note: Said) => void; onUndo: (note: Said) => void }) {
  const [held, setHeld] = useState(false); // by the mouse or the focus: somebody is about to use it
  useEffect(() => {
    if (held) return;
    const timer = window.setTimeout(() => onGone(note), SHOWN_MS);
    return () => window.clearTimeout(timer);
  }, [note, held, onGone]);
  return (
    <div
      className="note-line"
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <p>{note.text}</p>
      {note.undo && (
        <Button size="compact-sm" variant="white" title={t.undoKey} onClick={() => onUndo(note)}>
          {t.undo}
        </Button>
      )}
      <CloseButton size="sm" aria-label={t.close} onClick={() => onGone(note)} />
    </div>
  );
}

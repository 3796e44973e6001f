// What was just done, said at the foot of the page for a while, with the way back.

import { Button, CloseButton } from "@mantine/core";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";

import { asApiError } from "../api/client";
import { passes } from "../api/queries";
import { t } from "../texts";
import { useKeys } from "./layers";

const SHOWN_MS = 12_000;
const MOST_TO_UNDO = 50;

interface Note {
  text: string;
  /** Leaves everything as it was before; whatever it raises is said. */
  undo?: () => Promise<void>;
}

/** Each line has its own time. */
type Said = Note & { at: number };

const Context = createContext({ say: (_: Note): void => undefined, undoLast: (): boolean => false });

export const useNote = () => useContext(Context).say;

/** Undo what was done last, as the key does; false when nothing is left. */
export const useUndo = () => useContext(Context).undoLast;

export function NotesProvider({ children }: { children: ReactNode }) {
  const [notes, setNotes] = useState<Said[]>([]);
  const count = useRef(0);
  const undoable = useRef<Said[]>([]); // the last one last; longer than it is said
  const undoing = useRef(Promise.resolve());
  // What only tells something leaves the way back that stands there.
  const say = useCallback((next: Note) => {
    const said = { ...next, at: ++count.current };
    if (said.undo) undoable.current = [...undoable.current, said].slice(-MOST_TO_UNDO);
    setNotes((before) => [...before.filter(({ undo }) => undo && !said.undo), said]);
  }, []);
  const drop = useCallback(({ at }: Said) => setNotes((before) => before.filter((each) => each.at !== at)), []);
  const undo = useCallback(
    (note: Said) => {
      undoable.current = undoable.current.filter((each) => each !== note);
      drop(note);
      const back = async () => {
        try {
          await note.undo?.();
          say({ text: t.undone(note.text) });
        } catch (error) {
          if (passes(error)) undoable.current = [...undoable.current, note]; // the key tries again
          say({ text: asApiError(error).message });
        }
      };
      // One after the other: what was done earlier is what the later one goes back to.
      undoing.current = undoing.current.then(back);
    },
    [drop, say],
  );
  const undoLast = useCallback(() => {
    const last = undoable.current.at(-1);
    if (last) undo(last);
    return last !== undefined;
  }, [undo]);
  useKeys((event) => event.key === "z" && undoLast() && event.preventDefault(), "everywhere", true);
  const spoken = useMemo(() => ({ say, undoLast }), [say, undoLast]);
  return (
    <Context value={spoken}>
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

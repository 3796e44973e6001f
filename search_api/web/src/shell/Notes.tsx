// What was just done, said at the foot of the page for a while, with the way back.

import { Button, CloseButton } from "@mantine/core";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";

import { asApiError } from "../api/client";
import { t } from "../texts";
import { Changes, type Done } from "./changes";
import { asksToUndo, useKeys } from "./layers";

const SHOWN_MS = 12_000;

/** Each line has its own time. */
interface Said {
  text: string;
  undoable?: boolean;
  at: number;
}

const Context = createContext({
  say: (_: { text: string }): void => undefined,
  change: (_: () => Promise<Done | null>): Promise<void> => Promise.resolve(),
  undoLast: (): boolean => false,
});

export const useNote = () => useContext(Context).say;

/** Change something that a person may want to undo: what was done is said, what is raised is left to the caller. */
export const useChange = () => useContext(Context).change;

/** Undo what was done last, as the key does; false when nothing is left. */
export const useUndo = () => useContext(Context).undoLast;

export function NotesProvider({ children }: { children: ReactNode }) {
  const [notes, setNotes] = useState<Said[]>([]);
  const count = useRef(0);
  // What only tells something leaves the way back that stands there.
  const say = useCallback((text: string, undoable?: boolean) => {
    const said = { text, undoable, at: ++count.current };
    setNotes((before) => [...before.filter((each) => each.undoable && !undoable), said]);
  }, []);
  const drop = useCallback(({ at }: Said) => setNotes((before) => before.filter((each) => each.at !== at)), []);
  const [changes] = useState(
    () =>
      new Changes({
        begun: () => setNotes((before) => before.filter(({ undoable }) => !undoable)),
        done: ({ done }) => say(done.text, done.undo !== undefined),
        undone: ({ text }) => say(t.undone(text)),
        stays: ({ text }) => say(t.noWayBack(text)),
        failed: (error) => say(asApiError(error).message),
      }),
  );
  const spoken = useMemo(
    () => ({
      say: ({ text }: { text: string }) => say(text),
      change: changes.do.bind(changes),
      undoLast: changes.undoLast.bind(changes),
    }),
    [say, changes],
  );
  const { undoLast } = spoken;
  useKeys((event) => asksToUndo(event) && undoLast() && event.preventDefault(), "everywhere", true);
  return (
    <Context value={spoken}>
      {children}
      <div role="status" aria-label={t.notes} className="note-place">
        {notes.map((note) => (
          <Line key={note.at} note={note} onGone={drop} onUndo={undoLast} />
        ))}
      </div>
    </Context>
  );
}

function Line({ note, onGone, onUndo }: { note: Said; onGone: (note: Said) => void; onUndo: () => void }) {
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
      {note.undoable && (
        <Button size="compact-sm" variant="white" title={t.undoKey} onClick={onUndo}>
          {t.undo}
        </Button>
      )}
      <CloseButton size="sm" aria-label={t.close} onClick={() => onGone(note)} />
    </div>
  );
}

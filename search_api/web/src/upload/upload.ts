// What is being sent to the library. It goes on whatever the page shows meanwhile, the dialog it was begun in or not.

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";

import { asApiError } from "../api/client";
import { foldersOptions, statusOptions } from "../api/library";
import { t } from "../texts";
import type { Choice } from "./files";
import { NOTHING_SENT, send, type Sent } from "./send";

export interface Upload {
  /** Not sent yet. */
  chosen: Choice | null;
  choose: (chosen: Choice | null) => void;
  /** What is being sent now. */
  sending: Choice | null;
  /** How far that is, or what became of what was sent last. */
  sent: Sent | null;
  /** Why it ended early. */
  failed: string | null;
  begin: () => Promise<void>;
  stop: () => void;
}

/** `onEnd` is told in a sentence how it went. */
export function useUpload(onEnd: (said: string) => void): Upload {
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<Choice | null>(null);
  const [sending, setSending] = useState<Choice | null>(null);
  const [sent, setSent] = useState<Sent | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  const stopping = useRef<AbortController | null>(null);
  const choose = useCallback((next: Choice | null) => {
    setChosen(next);
    if (!stopping.current) setSent(null);
  }, []);
  const begin = async () => {
    if (!chosen || stopping.current) return;
    stopping.current = new AbortController();
    setSending(chosen);
    setChosen(null);
    setFailed(null);
    setSent(NOTHING_SENT);
    let said: string;
    try {
      const all = await send(chosen.files, stopping.current.signal, setSent);
      said = t.upload.done(all.stored, all.same);
    } catch (error) {
      said = (error as Error).name === "AbortError" ? t.upload.stopped : asApiError(error).message;
      setFailed(said);
    }
    stopping.current = null;
    setSending(null);
    onEnd(said);
    for (const { queryKey } of [statusOptions, foldersOptions]) void queries.invalidateQueries({ queryKey });
  };
  return { chosen, choose, sending, sent, failed, begin, stop: () => stopping.current?.abort() };
}

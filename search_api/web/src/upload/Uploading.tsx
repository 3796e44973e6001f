// Photos from the device that the page is open on: what was chosen, how far it is, what became of it.

import { Button, Progress } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { asApiError } from "../api/client";
import { foldersOptions, statusOptions } from "../api/library";
import { t } from "../texts";
import { bytes } from "../wording";
import { type Choice, ofInput } from "./files";
import { NOTHING_SENT, send, type Sent } from "./send";

const SHOWN_REFUSALS = 50;

interface Props {
  /** What was dropped on the page. */
  dropped: Choice | null;
}

export function Uploading({ dropped }: Props) {
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<Choice | null>(dropped);
  const [sent, setSent] = useState<Sent | null>(null);
  const [state, setState] = useState<"choosing" | "sending" | "done">("choosing");
  const [failed, setFailed] = useState<string | null>(null);
  const stop = useRef<AbortController | null>(null);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (dropped) {
      setChosen(dropped);
      setState("choosing");
    }
  }, [dropped]);
  useEffect(() => () => stop.current?.abort(), []);

  const total = chosen?.files.reduce((sum, { file }) => sum + file.size, 0) ?? 0;
  const begin = async () => {
    if (!chosen) return;
    stop.current = new AbortController();
    setState("sending");
    setFailed(null);
    setSent(NOTHING_SENT);
    try {
      await send(chosen.files, stop.current.signal, setSent);
    } catch (error) {
      setFailed((error as Error).name === "AbortError" ? t.upload.stopped : asApiError(error).message);
    }
    setState("done");
    setChosen(null);
    void queries.invalidateQueries({ queryKey: statusOptions.queryKey });
    void queries.invalidateQueries({ queryKey: foldersOptions.queryKey });
  };
  const choose = (input: HTMLInputElement) => {
    setChosen(ofInput(input.files));
    setState("choosing");
    input.value = "";
  };
  const input = (ref: React.RefObject<HTMLInputElement | null>, label: string, more: object): ReactNode => (
    <input ref={ref} type="file" multiple hidden aria-label={label} onChange={(event) => choose(event.currentTarget)} {...more} />
  );
  return (
    <div className="uploading">
      {state === "sending" && sent ? (
        <>
          <p role="status">{t.upload.sending(sent.files, chosen?.files.length ?? 0)}</p>
          <Progress value={total ? (100 * Math.min(sent.bytes, total)) / total : 0} aria-label={t.upload.progress} />
          <Button variant="default" size="compact-sm" onClick={() => stop.current?.abort()}>
            {t.progress.stop}
          </Button>
        </>
      ) : chosen ? (
        <>
          <p role="status">
            {t.upload.chosen(chosen.files.length, bytes(total))} {chosen.leftOut > 0 && t.upload.leftOut(chosen.leftOut)}
          </p>
          <div className="buttons">
            <Button onClick={() => void begin()} disabled={chosen.files.length === 0} data-autofocus>
              {t.upload.begin}
            </Button>
            <Button variant="default" onClick={() => setChosen(null)}>
              {t.edits.cancel}
            </Button>
          </div>
        </>
      ) : (
        <>
          <p className="muted">{t.upload.note}</p>
          <div className="buttons">
            <Button variant="default" onClick={() => files.current?.click()}>
              {t.upload.files}
            </Button>
            <Button variant="default" onClick={() => folder.current?.click()}>
              {t.upload.folder}
            </Button>
          </div>
        </>
      )}
      {input(files, t.upload.files, {})}
      {input(folder, t.upload.folder, { webkitdirectory: "" })}
      {state === "done" && sent && (
        <div role="status" className="said">
          {failed && <p className="state">{failed}</p>}
          {sent.files > 0 && <p>{t.upload.done(sent.stored, sent.same)}</p>}
          {sent.note && <p>{sent.note.replaceAll("`", "")}</p>}
          {sent.refused.length > 0 && (
            <>
              <p>{t.upload.refused(sent.refused.length)}</p>
              <ul>
                {sent.refused.slice(0, SHOWN_REFUSALS).map((each) => (
                  <li key={each.name}>
                    <strong>{each.name}</strong> {each.message}
                  </li>
                ))}
              </ul>
            </>
          )}
        </div>
      )}
    </div>
  );
}

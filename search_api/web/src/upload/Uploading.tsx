// Photos from the device that the page is open on: what was chosen, how far it is, what became of it.

import { Button, Progress } from "@mantine/core";
import { type ReactNode, useRef } from "react";

import { t } from "../texts";
import { bytes } from "../wording";
import { type Choice, ofInput } from "./files";
import type { Upload } from "./upload";

const SHOWN_REFUSALS = 50;

const bytesOf = (choice: Choice): number => choice.files.reduce((sum, { file }) => sum + file.size, 0);

export function Uploading({ upload }: { upload: Upload }) {
  const { chosen, choose, sending, sent, failed, begin, stop } = upload;
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const input = (ref: React.RefObject<HTMLInputElement | null>, label: string, more: object): ReactNode => (
    <input
      ref={ref}
      type="file"
      multiple
      hidden
      aria-label={label}
      onChange={({ currentTarget }) => {
        choose(ofInput(currentTarget.files));
        currentTarget.value = "";
      }}
      {...more}
    />
  );
  const total = sending ? bytesOf(sending) : 0;
  return (
    <div className="uploading">
      {sending && sent ? (
        <>
          <p role="status">{t.upload.sending(sent.files, sending.files.length)}</p>
          <Progress value={total ? (100 * Math.min(sent.bytes, total)) / total : 0} aria-label={t.upload.progress} />
          <Button variant="default" size="compact-sm" onClick={stop}>
            {t.progress.stop}
          </Button>
        </>
      ) : chosen ? (
        <>
          <p role="status">
            {t.upload.chosen(chosen.files.length, bytes(bytesOf(chosen)))} {chosen.leftOut > 0 && t.upload.leftOut(chosen.leftOut)}
          </p>
          <div className="buttons">
            <Button onClick={() => void begin()} disabled={chosen.files.length === 0} data-autofocus>
              {t.upload.begin}
            </Button>
            <Button variant="default" onClick={() => choose(null)}>
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
      {!sending && sent && (
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

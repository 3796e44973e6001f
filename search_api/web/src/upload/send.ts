// Sends files to the library, batch by batch; says how far it is. XMLHttpRequest, because fetch does not tell what was sent.

import { ApiError, refusal, type UploadedFile, type Uploads } from "../api/client";
import { t } from "../texts";
import { batched, type Chosen } from "./files";

export interface Sent {
  files: number;
  bytes: number;
  stored: number;
  same: number;
  refused: UploadedFile[];
  note: string | null;
}

export const NOTHING_SENT: Sent = { files: 0, bytes: 0, stored: 0, same: 0, refused: [], note: null };

/** Resolves with what became of all; rejects with an ApiError, or as an abort does. */
export async function send(files: Chosen[], signal: AbortSignal, tell: (sent: Sent) => void): Promise<Sent> {
  let sent = NOTHING_SENT;
  for (const batch of batched(files)) {
    const before = sent;
    const reply = await request(batch, signal, (bytes) => tell({ ...before, bytes: before.bytes + bytes }));
    sent = {
      files: before.files + batch.length,
      bytes: before.bytes + batch.reduce((sum, { file }) => sum + file.size, 0),
      stored: before.stored + reply.stored,
      same: before.same + reply.same,
      refused: [...before.refused, ...reply.files.filter(({ status }) => status === "refused")],
      note: reply.note ?? before.note,
    };
    tell(sent);
    if (reply.code) throw new ApiError(reply.code, reply.note ?? reply.code, 200); // it ended early, after some of the files
  }
  return sent;
}

function request(batch: Chosen[], signal: AbortSignal, tell: (bytes: number) => void): Promise<Uploads> {
  const form = new FormData();
  for (const { file, path } of batch) {
    form.append("path", path);
    form.append("file", file, file.name);
  }
  return new Promise((resolve, reject) => {
    const asked = new XMLHttpRequest();
    asked.open("POST", "/api/v1/uploads");
    asked.responseType = "json";
    asked.upload.onprogress = (event) => tell(event.loaded);
    asked.onload = () => {
      if (asked.status < 300) resolve(asked.response as Uploads);
      else reject(refusal(asked.response, asked.status, asked.getResponseHeader("Retry-After")));
    };
    asked.onerror = () => reject(new ApiError("OFFLINE", t.states.offline, 0));
    asked.onabort = () => reject(new DOMException("", "AbortError"));
    signal.addEventListener("abort", () => asked.abort());
    asked.send(form);
  });
}

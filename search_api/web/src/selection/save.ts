// Files that the browser keeps: at once, or as they come.

import { ApiError, refusal } from "../api/client";
import { t } from "../texts";

// So many photos at most are held in memory on their way to a file.
const HELD = 100;

interface Picker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<{ createWritable: () => Promise<WritableStream> }>;
}

export function saved(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Text to the clipboard; to a file where the browser does not allow that, as over plain http. Says whether it was copied. */
export async function copied(text: string, name: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    saved(new Blob([text], { type: "text/plain" }), name);
    return false;
  }
}

/** The reply to a POST as a file. Large ones go to the disk as they come, where the browser can. */
export async function savedStream(address: string, body: unknown, name: string, photos: number): Promise<void> {
  const { showSaveFilePicker } = window as Picker;
  const file = photos > HELD && showSaveFilePicker ? await showSaveFilePicker.call(window, { suggestedName: name }) : null;
  const reply = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).catch(() => {
    throw new ApiError("OFFLINE", t.states.offline, 0);
  });
  if (!reply.ok) throw refusal(await reply.json().catch(() => null), reply.status, reply.headers.get("Retry-After"));
  if (file && reply.body) await reply.body.pipeTo(await file.createWritable());
  else saved(await reply.blob(), name);
}

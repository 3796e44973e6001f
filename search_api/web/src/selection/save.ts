// Files that the browser keeps.

import { ApiError, refusal } from "../api/client";
import { t } from "../texts";

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

/** What a POST with this body answers with, as a file that the browser itself writes as it comes, however large. */
export async function downloaded(address: string, body: unknown): Promise<void> {
  const text = JSON.stringify(body);
  // First whether it can be had: an answer to a form that refuses would take the page's place.
  const asking = new AbortController();
  const reply = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: text,
    signal: asking.signal,
  }).catch(() => {
    throw new ApiError("OFFLINE", t.states.offline, 0);
  });
  if (!reply.ok) throw refusal(await reply.json().catch(() => null), reply.status, reply.headers.get("Retry-After"));
  asking.abort();
  const form = document.createElement("form");
  form.method = "post";
  form.action = `${address}/form`;
  const chosen = document.createElement("input");
  chosen.type = "hidden";
  chosen.name = "chosen";
  chosen.value = text;
  form.append(chosen);
  document.body.append(form);
  form.submit();
  form.remove();
}

// The map's tables as they come over the wire: Arrow streams of points and of what to colour them by.

import { type Data, tableFromIPC, type Vector } from "apache-arrow";

import { ApiError, refusal } from "../api/client";
import { t } from "../texts";
import type { Points } from "./points";

export async function fetchPoints(url: string, signal: AbortSignal): Promise<Points> {
  const table = tableFromIPC(await fetched(url, signal));
  const column = (name: string) => table.getChild(name) as Vector;
  const [x, y] = [column("x").toArray(), column("y").toArray()] as [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>];
  const ids = new Uint8Array(table.numRows * 16);
  let at = 0;
  for (const data of column("photo_id").data) {
    const bytes = data.values as Uint8Array;
    ids.set(bytes.subarray(0, data.length * 16), at);
    at += data.length * 16;
  }
  return { count: table.numRows, ids, x, y, cluster: column("cluster").toArray() as Int32Array };
}

/** A column by rows: numbers as they are (a date is days since 1970), names of a dictionary; null: not known. */
export async function fetchColumn(generation: string, name: string, signal: AbortSignal): Promise<(string | number | null)[]> {
  const query = new URLSearchParams({ v: generation, names: name });
  const table = tableFromIPC(await fetched(`/api/v1/map/columns?${query}`, signal));
  return (table.getChild(name)?.data ?? []).flatMap(valuesOf);
}

function valuesOf(data: Data): (string | number | null)[] {
  const names = data.dictionary ? Array.from(data.dictionary as Vector<never>, (each) => each as string | null) : null;
  const raw = data.values as ArrayLike<number>;
  return Array.from({ length: data.length }, (_, at) => {
    if (!data.getValid(at)) return null;
    return names ? (names[raw[at] as number] ?? null) : (raw[at] as number);
  });
}

// Whole: a reader of the stream leaves it before its very end, and a browser does not keep what was left.
async function fetched(url: string, signal: AbortSignal): Promise<Uint8Array> {
  const reply = await fetch(url, { signal }).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("OFFLINE", t.states.offline, 0);
  });
  if (reply.ok) return new Uint8Array(await reply.arrayBuffer());
  throw refusal(await reply.json().catch(() => null), reply.status, reply.headers.get("Retry-After"));
}

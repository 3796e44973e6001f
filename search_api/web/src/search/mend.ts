// The way out of a query that cannot be read: what the API suggests in the place of what it does not understand.

import { asApiError } from "../api/client";

/** The query with the suggestion in its place; null where there is none. The API counts characters. */
export function mended(query: string | undefined, error: unknown): string | null {
  const { code, details } = asApiError(error);
  const { position, length, suggestion } = details;
  if (code !== "QUERY_INVALID" || typeof suggestion !== "string") return null;
  if (typeof position !== "number" || typeof length !== "number") return null;
  const all = [...(query ?? "")];
  if (position + length > all.length) return null;
  return [...all.slice(0, position), suggestion, ...all.slice(position + length)].join("").trim() || null;
}

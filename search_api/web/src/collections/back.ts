// What a collection was before: the ways back from making, splitting and renaming one.

import { ApiError, answer, client } from "../api/client";
import { t } from "../texts";

interface Deletion {
  /** Shows that what would go was read. */
  token?: string;
  photos?: number;
}

/** What deleting it would do, which the API says where it refuses to. */
export async function deletionOf(name: string, signal?: AbortSignal): Promise<Deletion> {
  const { error } = await client.DELETE("/api/v1/collections/{name}", { params: { path: { name } }, signal });
  return (error as { error?: { details?: Deletion } } | undefined)?.error?.details ?? {};
}

export const deleted = (name: string, token: string | undefined) =>
  answer(client.DELETE("/api/v1/collections/{name}", { params: { path: { name }, query: { confirm: token } } }));

/** Delete a collection that was just made, unless somebody put more into it since. */
export async function unmade(name: string, photos: number): Promise<void> {
  const deletion = await deletionOf(name);
  if (deletion.photos !== undefined && deletion.photos !== photos) throw new ApiError("CHANGED", t.collections.changedSince(name), 409);
  await deleted(name, deletion.token);
}

/** Its photos go back to the collection that they came from, and it goes. */
export const unsplit = (name: string, into: string) =>
  answer(client.POST("/api/v1/collections/{name}/merge", { params: { path: { name } }, body: { sources: [into], keep: false } }));

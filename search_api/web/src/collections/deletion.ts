// Deleting a collection: the API says what would go, and gives the token that shows that it was read.

import { ApiError, answer, client } from "../api/client";

interface Deletion {
  token?: string;
  photos?: number;
}

/** What deleting it would do. */
export async function deletionOf(name: string, signal?: AbortSignal): Promise<Deletion> {
  try {
    await deleted(name, undefined, signal);
  } catch (error) {
    if (error instanceof ApiError && error.code === "CONFIRMATION_NEEDED") return error.details;
    throw error;
  }
  return {};
}

export const deleted = (name: string, token: string | undefined, signal?: AbortSignal) =>
  answer(client.DELETE("/api/v1/collections/{name}", { params: { path: { name }, query: { confirm: token } }, signal }));

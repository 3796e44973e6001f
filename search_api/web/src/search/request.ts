// What the API says to a search: the replies by blocks of photos, and what it can be narrowed by.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { answer, client, type SearchReply } from "../api/client";
import type { View } from "../view";
import { BLOCK, queryOf, type Search } from "./asked";

/** What a search can be narrowed by, with counts: of all that filters leave, of a ranking what is relevant. */
export function facetsOf(view: View) {
  const body = queryOf(view);
  return queryOptions({
    queryKey: ["facets", JSON.stringify(body)],
    queryFn: ({ signal }) => answer(client.POST("/api/v1/search/facets", { body, signal })),
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  });
}

/** The block of photos at `block * BLOCK`. */
export const blockOptions = (search: Search, block: number) =>
  queryOptions({
    queryKey: ["search", search.key, block],
    queryFn: ({ signal }) => fetchPart(search, block * BLOCK, BLOCK, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });

// The last place of the 16,000 that are looked through at most here; of more the page says that there are more.
export const FAR_DOWN = 15_998;

/** A reply that knows how many there are, where the first one only knows of some. */
export const wholeOptions = (search: Search) =>
  queryOptions({
    queryKey: ["search", search.key, "whole"],
    queryFn: ({ signal }) => fetchPart(search, FAR_DOWN, 1, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** As many photos as the API gives at once, for what is not shown. */
export const PART = 500;

export const partOptions = (search: Search, offset: number) =>
  queryOptions({
    queryKey: ["search", search.key, "part", offset],
    queryFn: ({ signal }) => fetchPart(search, offset, PART, signal),
    gcTime: 0,
  });

async function fetchPart(search: Search, offset: number, limit: number, signal: AbortSignal): Promise<SearchReply> {
  if (search.seed !== null) return drawn(search, search.seed, signal);
  if (search.saved) {
    const params = { path: { name: search.saved }, query: { limit, offset } };
    return answer(client.GET("/api/v1/saved-searches/{name}/results", { params, signal }));
  }
  const body = { ...search.body, limit, offset };
  if (!search.picture) return answer(client.POST("/api/v1/search", { body, signal }));
  const form = new FormData();
  form.append("image", await scaled(search.picture), search.picture.name || "picture");
  form.append("query", JSON.stringify(body));
  return answer(
    client.POST("/api/v1/search/image", {
      body: form as never, // the multipart form is made here
      bodySerializer: (made) => made as unknown as FormData,
      signal,
    }),
  );
}

const SENT_PX = 1024; // more than any model looks at
const small = new WeakMap<File, Promise<Blob>>();

/** The picture no larger than it is looked at, where the browser can draw it: it is sent with every block. */
function scaled(picture: File): Promise<Blob> {
  const made = small.get(picture) ?? drawnSmall(picture).catch(() => picture);
  small.set(picture, made);
  return made;
}

async function drawnSmall(picture: File): Promise<Blob> {
  const whole = await createImageBitmap(picture);
  const scale = SENT_PX / Math.max(whole.width, whole.height);
  const canvas = new OffscreenCanvas(Math.round(whole.width * scale), Math.round(whole.height * scale));
  if (scale < 1) canvas.getContext("2d")?.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  if (scale >= 1) return picture;
  // As PNG where parts of it may be transparent.
  return canvas.convertToBlob({ type: picture.type === "image/jpeg" ? "image/jpeg" : "image/png", quality: 0.92 });
}

/** Photos by chance, as the one block of a search. */
async function drawn(search: Search, seed: number, signal: AbortSignal): Promise<SearchReply> {
  const params = { query: { count: BLOCK, seed } };
  const { photos } = await answer(client.POST("/api/v1/random", { params, body: search.body, signal }));
  const all = { hits: photos, total: photos.length, total_exact: true, relevant: null, relevant_exact: true, mode: "browse" } as const;
  return { ...all, photos: photos.length, searchable: 0, generation: "", warnings: [], offset: 0, limit: BLOCK, took_ms: 0 };
}

// From what the address says to what the API is asked, and the replies by blocks of photos.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { CHOICE_KEYS, type ChoiceKey, FILTER_KEYS, listed, type View } from "../address";
import { answer, client, type Filters, type SearchQuery, type SearchReply } from "../api/client";
import { readArea } from "../map/area";
import { parts } from "./parts";

/** Photos that are fetched, laid out and forgotten together. */
export const BLOCK = 60;

/** A search without its place in the results. */
export interface Search {
  body: SearchQuery;
  /** A picture of the person's own to search with. */
  picture: File | null;
  /** Photos by chance out of what is found, the same for the same number. */
  seed: number | null;
  /** A kept search that the page has no fields for, by its name. */
  saved?: string;
  /** Equal for equal searches. */
  key: string;
}

export const hasQuery = (view: View, picture: File | null): boolean =>
  Boolean(view.q || view.like || view.unlike || view.also || view.not || view.saved || picture);

export const hasFilters = (view: View): boolean => FILTER_KEYS.some((key) => view[key]);

export function searchOf(view: View, picture: File | null, pictureId: number): Search {
  const sort = (view.sort as SearchQuery["sort"]) ?? (hasQuery(view, picture) ? "relevance" : "newest");
  const body = { ...queryOf(view), sort } as SearchQuery;
  const seed = view.random && /^\d{1,15}$/.test(view.random) ? Number(view.random) : null;
  const key = JSON.stringify([body, picture ? pictureId : 0, seed, view.saved]);
  return { body, picture, seed, ...(view.saved && { saved: view.saved }), key };
}

/** What is searched for, without an order. */
export function queryOf(view: View): SearchQuery {
  const body = { filters: filtersOf(view) } as SearchQuery;
  const texts = (text: string | undefined) => parts(text).map(({ value, weight }) => ({ text: value, weight }));
  const photos = (text: string | undefined) => parts(text).map(({ value, weight }) => ({ photo_id: value, weight }));
  if (view.q) body.q = view.q;
  if (view.also) body.texts = texts(view.also);
  if (view.not) body.negative_texts = texts(view.not);
  if (view.like) body.photos = photos(view.like);
  if (view.unlike) body.negative_photos = photos(view.unlike);
  if (view.mode) body.mode = view.mode as SearchQuery["mode"];
  return body;
}

/** How the API calls the filters that take several values. */
export const LISTS: Record<ChoiceKey, keyof Filters> = {
  camera: "cameras",
  lens: "lenses",
  format: "formats",
  person: "people",
  country: "countries",
  region: "regions",
  city: "cities",
  label: "color_labels",
  collection: "collections",
  keyword: "keywords",
  tag: "tags",
  orientation: "orientations",
};

function filtersOf(view: View): Filters {
  const chosen: Partial<Filters> = {};
  for (const key of CHOICE_KEYS) if (view[key]) Object.assign(chosen, { [LISTS[key]]: listed(view[key]) });
  if (view.from) chosen.taken_from = view.from;
  if (view.to) chosen.taken_to = view.to;
  if (view.folder) chosen.folder = view.folder;
  if (view.rating) chosen.rating_min = Number(view.rating);
  if (view.motion) chosen.motion = view.motion === "yes";
  if (view.stacks === "all") chosen.stacks = "all";
  if (view.stacks === "only") chosen.in_stack = true;
  if (view.stacks === "none") chosen.in_stack = false;
  const area = readArea(view.area);
  if (area) chosen.area = area;
  return chosen as Filters;
}

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

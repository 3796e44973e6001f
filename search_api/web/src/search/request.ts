// From what the address says to what the API is asked, and the replies by blocks of photos.

import { queryOptions } from "@tanstack/react-query";

import { FILTER_KEYS, type View } from "../address";
import { answer, client, type Filters, type SearchQuery, type SearchReply } from "../api/client";

/** Photos that are fetched, laid out and forgotten together. */
export const BLOCK = 60;

/** A search without its place in the results. */
export interface Search {
  body: SearchQuery;
  /** A picture of the person's own to search with. */
  picture: File | null;
  /** Equal for equal searches. */
  key: string;
}

export const hasQuery = (view: View, picture: File | null): boolean =>
  Boolean(view.q || view.like || view.not || picture);

export const hasFilters = (view: View): boolean => FILTER_KEYS.some((key) => view[key]);

export function searchOf(view: View, picture: File | null, pictureId: number): Search {
  const sort = (view.sort as SearchQuery["sort"]) ?? (hasQuery(view, picture) ? "relevance" : "newest");
  const body = { filters: filtersOf(view), sort } as SearchQuery;
  if (view.q) body.q = view.q;
  if (view.not) {
    const parts = view.not.split(",").map((part) => part.trim());
    body.negative_texts = parts.filter(Boolean).map((text) => ({ text, weight: 1 }));
  }
  if (view.like) body.photos = [{ photo_id: view.like, weight: 1 }];
  if (view.mode) body.mode = view.mode as SearchQuery["mode"];
  return { body, picture, key: JSON.stringify([body, picture ? pictureId : 0]) };
}

function filtersOf(view: View): Filters {
  const chosen: Partial<Filters> = {};
  if (view.from) chosen.taken_from = view.from;
  if (view.to) chosen.taken_to = view.to;
  if (view.camera) chosen.cameras = [view.camera];
  if (view.format) chosen.formats = [view.format];
  if (view.folder) chosen.folder = view.folder;
  if (view.collection) chosen.collections = [view.collection];
  if (view.person) chosen.people = [view.person];
  if (view.country) chosen.countries = [view.country];
  if (view.region) chosen.regions = [view.region];
  if (view.city) chosen.cities = [view.city];
  if (view.label) chosen.color_labels = [view.label];
  if (view.motion) chosen.motion = view.motion === "yes";
  if (view.stacks === "all") chosen.stacks = "all";
  if (view.stacks === "only") chosen.in_stack = true;
  if (view.stacks === "none") chosen.in_stack = false;
  return chosen as Filters;
}

/** The block of photos at `block * BLOCK`. */
export const blockOptions = (search: Search, block: number) =>
  queryOptions({
    queryKey: ["search", search.key, block],
    queryFn: ({ signal }) => fetchBlock(search, block, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });

function fetchBlock(search: Search, block: number, signal: AbortSignal): Promise<SearchReply> {
  const body = { ...search.body, limit: BLOCK, offset: block * BLOCK };
  if (!search.picture) return answer(client.POST("/api/v1/search", { body, signal }));
  const form = new FormData();
  form.append("image", search.picture, search.picture.name || "picture");
  form.append("query", JSON.stringify(body));
  return answer(
    client.POST("/api/v1/search/image", {
      body: form as never, // the multipart form is made here
      bodySerializer: (made) => made as unknown as FormData,
      signal,
    }),
  );
}

// From what the address says to what the API is asked.

import type { Filters, SearchQuery } from "../api/client";
import { readArea } from "../map/area";
import { CHOICE_KEYS, type ChoiceKey, FILTER_KEYS, listed, type View } from "../view";
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

// Searches that are kept, and the way back from what the API keeps to what the page shows.

import { queryOptions } from "@tanstack/react-query";

import { answer, client, type SearchQuery } from "../api/client";
import { CHOICE_KEYS, type View } from "../view";
import { LISTS, queryOf } from "./asked";
import { writtenParts } from "./parts";

export const savedOptions = queryOptions({
  queryKey: ["saved-searches"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/saved-searches", { signal })),
  staleTime: 30_000,
});

/** What is to be kept of what is shown. */
export function keptOf(view: View): SearchQuery {
  return view.sort ? { ...queryOf(view), sort: view.sort as SearchQuery["sort"] } : queryOf(view);
}

/** The view of a kept search; null when it asks for what the page has no place for (then it is run by its name). */
export function viewOf(query: SearchQuery): View | null {
  const { q, text, texts, negative_texts, photos, negative_photos, filters, mode, sort, ...rest } = query;
  const view: View = {};
  const put = (key: keyof View, value: string | null | undefined) => {
    if (value) view[key] = value;
  };
  const said = (all: { text: string; weight?: number }[] = []) => writtenParts(all.map((each) => ({ value: each.text, weight: each.weight ?? 1 })));
  const like = (all: { photo_id: string; weight?: number }[] = []) =>
    writtenParts(all.map((each) => ({ value: each.photo_id, weight: each.weight ?? 1 })));
  put("q", q);
  put("also", said([...(text ? [{ text }] : []), ...(texts ?? [])]));
  put("not", said(negative_texts));
  put("like", like(photos));
  put("unlike", like(negative_photos));
  put("sort", sort);
  if (mode && mode !== "hybrid") put("mode", mode);
  const left: Record<string, unknown> = { ...filters };
  const take = (name: string): unknown => {
    const value = left[name];
    delete left[name];
    return value;
  };
  for (const key of CHOICE_KEYS) put(key, ((take(LISTS[key]) as string[] | undefined) ?? []).join("\n"));
  put("from", take("taken_from") as string);
  put("to", take("taken_to") as string);
  put("folder", take("folder") as string);
  put("rating", (take("rating_min") as number | null)?.toString());
  const motion = take("motion");
  if (typeof motion === "boolean") put("motion", motion ? "yes" : "no");
  const inStack = take("in_stack");
  if (typeof inStack === "boolean") put("stacks", inStack ? "only" : "none");
  if (take("stacks") === "all") put("stacks", "all");
  return [...Object.entries(left), ...Object.entries(rest)].some(([name, value]) => !ignored(name, value)) ? null : view;
}

const NO_PART: ReadonlySet<string> = new Set(["limit", "offset", "cursor"]);
const ignored = (name: string, value: unknown): boolean =>
  NO_PART.has(name) || value === null || value === undefined || (Array.isArray(value) && value.length === 0);

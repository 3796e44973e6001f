// What is shown, kept in the address, so that it can be bookmarked, shared and gone back to.
// A picture dropped on the page is the one thing that an address cannot hold (picture.tsx).

/** Of these any value will do; the address names the key once for each. */
export const CHOICE_KEYS = [
  ...(["camera", "lens", "format", "person", "country", "region", "city", "label"] as const),
  ...(["collection", "keyword", "tag", "orientation"] as const),
];
export const FILTER_KEYS = [
  ...(["also", "not", "from", "to", "folder"] as const),
  ...CHOICE_KEYS,
  ...(["rating", "motion", "stacks", "mode", "area"] as const),
];
const SEARCHED_BY = ["q", "like", "unlike", ...FILTER_KEYS] as const;
const KEYS = [...SEARCHED_BY, "saved", "sort", "random", "scores", "panel", "photo", "under", "colour", "at"] as const;
export type ViewKey = (typeof KEYS)[number];
export type FilterKey = (typeof FILTER_KEYS)[number];
export type ChoiceKey = (typeof CHOICE_KEYS)[number];
/** Only keys with a value are present; several values are parted by line ends. */
export type View = Partial<Record<ViewKey, string>>;
export type Changes = Partial<Record<ViewKey, string | null>>;

/** The values of a key that may have several. */
export const listed = (value: string | null | undefined): string[] => value?.split("\n").filter(Boolean) ?? [];
export const joined = (values: string[]): string | null => values.join("\n") || null;

export function read(search: string): View {
  const params = new URLSearchParams(search);
  return Object.fromEntries(KEYS.map((key) => [key, params.getAll(key).join("\n")]).filter(([, value]) => value)) as View;
}

/** The address of `view` with `changes`, below `path`. */
export function address(view: View, changes: Changes = {}, path = "/"): string {
  const merged: Changes = { ...view, ...changes };
  const params = new URLSearchParams();
  for (const key of KEYS) for (const value of listed(merged[key])) params.append(key, value);
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

/** The part of a path at a place: the name in "/collections/name" is at 1. */
export function segment(path: string, at: number): string {
  const part = path.split("/")[at + 1] ?? "";
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // written by hand
  }
}

/** A search that is kept is run by its name alone: asked for anything else, it is another search. */
export const changed = (view: View, changes: Changes): Changes =>
  view.saved && SEARCHED_BY.some((key) => key in changes) ? { saved: null, ...changes } : changes;

export const withoutFilters = (): Changes => Object.fromEntries(FILTER_KEYS.map((key) => [key, null]));

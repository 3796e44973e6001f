// What the page shows, kept in the address so that it can be bookmarked, shared and gone back to.
// A picture dropped on the page is the one thing that an address cannot hold.

export const FILTER_KEYS = [
  ...["not", "from", "to", "camera", "format", "folder", "collection", "mode"],
  ...["person", "country", "region", "city", "label", "motion", "stacks"],
];
const KEYS = ["q", "like", ...FILTER_KEYS, "sort", "photo"];

/** @typedef {Record<string, string>} View  Only keys with a value are present. */

export const view = {
  /** @type {View} */
  values: {},
  /** @type {File | null} */
  image: null,
};

const listeners = new Set();

export function onChange(listener) {
  listeners.add(listener);
}

function read() {
  const params = new URLSearchParams(location.search);
  view.values = Object.fromEntries(KEYS.filter((key) => params.get(key)).map((key) => [key, params.get(key)]));
}

export function address(changes = {}) {
  const params = new URLSearchParams();
  const merged = { ...view.values, ...changes };
  for (const key of KEYS) if (merged[key]) params.set(key, merged[key]);
  const text = params.toString();
  return text ? `/?${text}` : "/";
}

/**
 * Change what is shown. `replace` keeps the history as it is (while typing).
 * @param {Record<string, string | null>} changes @param {{replace?: boolean, image?: File | null}} [options]
 */
export function show(changes, options = {}) {
  const before = { ...view.values };
  const target = address(changes);
  if (target !== location.pathname + location.search) {
    if (options.replace) history.replaceState(null, "", target);
    else history.pushState(null, "", target);
  }
  const imageChanged = "image" in options && options.image !== view.image;
  if (imageChanged) view.image = options.image;
  read();
  for (const listener of listeners) listener(before, imageChanged);
}

export function hasQuery() {
  return Boolean(view.values.q || view.values.like || view.values.not || view.image);
}

export function start() {
  read();
  addEventListener("popstate", () => {
    const before = { ...view.values };
    read();
    for (const listener of listeners) listener(before, false);
  });
}

/** Whether anything but the open photo differs. */
export function resultsDiffer(before) {
  return KEYS.some((key) => key !== "photo" && before[key] !== view.values[key]);
}

/** The body of POST /search for what is shown. */
export function searchBody(offset, limit) {
  const { q, not, like, mode, sort } = view.values;
  const body = { limit, offset, filters: filters(), sort: sort ?? (hasQuery() ? "relevance" : "newest") };
  if (q) body.q = q;
  if (not) {
    const parts = not.split(",").map((part) => part.trim());
    body.negative_texts = parts.filter(Boolean).map((text) => ({ text }));
  }
  if (like) body.photos = [{ photo_id: like, weight: 1 }];
  if (mode) body.mode = mode;
  return body;
}

function filters() {
  const { from, to, camera, format, folder, collection, person, country, region, city, label } = view.values;
  const { motion, stacks } = view.values;
  const chosen = {};
  if (from) chosen.taken_from = from;
  if (to) chosen.taken_to = to;
  if (camera) chosen.cameras = [camera];
  if (format) chosen.formats = [format];
  if (folder) chosen.folder = folder;
  if (collection) chosen.collections = [collection];
  if (person) chosen.people = [person];
  if (country) chosen.countries = [country];
  if (region) chosen.regions = [region];
  if (city) chosen.cities = [city];
  if (label) chosen.color_labels = [label];
  if (motion) chosen.motion = motion === "yes";
  if (stacks === "all") chosen.stacks = "all";
  if (stacks === "only") chosen.in_stack = true;
  if (stacks === "none") chosen.in_stack = false;
  return chosen;
}

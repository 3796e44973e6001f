// Wires the page: address -> search -> grid, and the dialogs around it.

import { api } from "./api.js";
import { Details } from "./details.js";
import { counted, number } from "./format.js";
import { Grid } from "./grid.js";
import { button, element } from "./elements.js";
import { FoldersPanel } from "./folders.js";
import { ProblemsPanel } from "./problems.js";
import { Progress } from "./progress.js";
import * as state from "./state.js";

const byId = (id) => document.getElementById(id);
const PAGE = 80;
const TYPING_PAUSE_MS = 350;
const SHOWN_BY_SEARCH_MS = 800; // what a person changed is in search within this

const view = state.view;
const query = byId("query");
const results = { request: null, exhausted: true, loading: false };
let library = null; // the last status

const grid = new Grid(byId("grid"), (photoId) => state.show({ photo: photoId }));
const details = new Details({
  onShow: (photoId) => state.show({ photo: photoId }, { replace: true }),
  onClose: (photoId) => {
    if (view.values.photo) state.show({ photo: null });
    grid.focus(photoId);
  },
  onSimilar: (photoId) => searchFor({ q: null, like: photoId, photo: null }),
  neighbour: (photoId, step) => grid.neighbour(photoId, step),
  known: (photoId) => grid.find(photoId),
  onStacksChanged: () => setTimeout(() => load({ quiet: true }), SHOWN_BY_SEARCH_MS),
});
const progress = new Progress(onStatus);
const problems = new ProblemsPanel({
  onRetried: () => progress.refresh(),
  onPhoto: (photoId) => state.show({ photo: photoId }),
});
const folders = new FoldersPanel(
  () => progress.refresh(),
  (path) => problems.open("skipped", path),
);

// ---- searching ---------------------------------------------------------------------------------------------------

function searchFor(changes, options = {}) {
  state.show({ sort: null, ...changes }, { image: null, ...options });
}

async function load({ quiet = false } = {}) {
  results.request?.abort();
  const request = new AbortController();
  results.request = request;
  results.loading = true;
  byId("results").setAttribute("aria-busy", "true");
  if (!quiet && grid.photos.length === 0) grid.showPlaceholders();
  if (!quiet) byId("grid").classList.add("stale");
  try {
    const reply = await ask(0, request.signal);
    grid.replace(reply.hits, reply.relevant);
    settle(reply, 0);
    if (!quiet) scrollTo({ top: 0 });
  } catch (error) {
    if (error.name === "AbortError") return;
    if (quiet) return;
    fail(error);
  } finally {
    if (results.request === request) {
      results.loading = false;
      byId("grid").classList.remove("stale");
      byId("results").setAttribute("aria-busy", "false");
    }
  }
}

async function loadMore() {
  if (results.loading || results.exhausted) return;
  results.loading = true;
  const request = results.request;
  try {
    const offset = grid.photos.length;
    const reply = await ask(offset, request?.signal);
    if (results.request !== request) return;
    grid.append(reply.hits);
    settle(reply, offset);
  } catch (error) {
    if (error.name !== "AbortError") results.exhausted = true;
  } finally {
    if (results.request === request) results.loading = false;
  }
}

function ask(offset, signal) {
  const body = state.searchBody(offset, PAGE);
  return view.image ? api.searchWithImage(view.image, body, signal) : api.search(body, signal);
}

function settle(reply, offset) {
  results.exhausted = reply.hits.length === 0 || offset + reply.hits.length >= reply.total;
  byId("more").hidden = results.exhausted;
  title(reply);
  if (grid.photos.length === 0) explainEmpty(reply);
  else byId("message").hidden = true;
}

function title(reply) {
  const asked = state.hasQuery();
  const { q, like } = view.values;
  let text = counted(reply.total, "photo");
  if (like) text = "Photos like this one";
  else if (view.image) text = "Photos like your picture";
  else if (q && reply.relevant !== null) text = `${counted(reply.relevant, "good match", "good matches")} for “${q}”`;
  else if (asked) text = `${text}, best first`;
  byId("result-title").textContent = text;
  document.title = q ? `${q} · Loupe` : "Loupe";
  byId("result-note").textContent = reply.warnings.map((warning) => warning.message).join(" ");
  byId("sort").value = view.values.sort ?? (asked ? "relevance" : "newest");
  byId("sort").querySelector('[value="relevance"]').hidden = !asked;
}

function message(...parts) {
  const box = byId("message");
  box.replaceChildren(...parts);
  box.hidden = false;
}

const heading = (text) => element("h2", text);
const paragraph = (text) => element("p", text);

function explainEmpty() {
  const filtered = state.FILTER_KEYS.some((key) => view.values[key]);
  if (!state.hasQuery() && !filtered) {
    if (library && library.total > 0) {
      message(heading("Your photos are being read"), paragraph("The newest appear here first, within moments."));
    } else {
      message(
        heading("Add your first folder"),
        paragraph("Choose a folder of photos. They stay where they are; Loupe only looks."),
        button("Add photos", () => folders.open(), "primary"),
      );
    }
    return;
  }
  const parts = [heading("No photo matches"), paragraph("Try fewer or other words.")];
  if (filtered) parts.push(button("Clear the filters", clearFilters, "quiet"));
  message(...parts);
}

function fail(error) {
  grid.replace([]);
  byId("more").hidden = true;
  results.exhausted = true;
  byId("result-title").textContent = "Photos";
  byId("result-note").textContent = "";
  if (error.code === "INDEX_LOADING") {
    message(heading("Opening your library"), paragraph("This takes a moment after a start."));
    setTimeout(() => load(), 1500);
    return;
  }
  const parts = [heading(TITLES[error.code] ?? "That did not work"), paragraph(error.message)];
  if (error.code === "SEARCH_BY_CONTENT_OFF" || error.code === "MODEL_LOADING") {
    parts.push(button("Search by words", () => state.show({ mode: "words" }, { image: null }), "primary"));
  } else {
    parts.push(button("Try again", () => load(), "primary"));
  }
  message(...parts);
}

const TITLES = {
  OFFLINE: "Loupe does not answer",
  SEARCH_BY_CONTENT_OFF: "Search by content is off",
  MODEL_LOADING: "Search by content is starting",
  QUERY_INVALID: "The search cannot be read",
  QUERY_WORDS_UNKNOWN: "None of these words is known",
  PHOTO_NOT_FOUND: "That photo is not in your library",
  NOT_AN_IMAGE: "That is not a picture",
  UNSUPPORTED_FORMAT: "That kind of picture cannot be read",
};

// ---- the search box ----------------------------------------------------------------------------------------------

let typing = 0;
query.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => submitText(true), TYPING_PAUSE_MS);
});
byId("search-form").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  submitText(false);
});

function submitText(replace) {
  const text = query.value.trim();
  if (text === (view.values.q ?? "")) return;
  // With a picture or a photo in the box the words are added to it; alone they start a new search.
  state.show({ q: text || null, sort: null }, { replace });
}

byId("choose-image").addEventListener("click", () => byId("image-file").click());
byId("image-file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) searchWithPicture(file);
  event.target.value = "";
});

function searchWithPicture(file) {
  query.value = "";
  searchFor({ q: null, like: null, photo: null }, { image: file });
}

addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((item) => item.type.startsWith("image/"));
  if (file) {
    event.preventDefault();
    searchWithPicture(file);
  }
});
let dragDepth = 0;
const carriesFile = (event) => event.dataTransfer?.types.includes("Files");
addEventListener("dragenter", (event) => {
  if (!carriesFile(event)) return;
  dragDepth += 1;
  byId("drop-target").hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!carriesFile(event)) return;
  dragDepth = Math.max(0, dragDepth - 1);
  if (dragDepth === 0) byId("drop-target").hidden = true;
});
addEventListener("dragover", (event) => {
  if (carriesFile(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  dragDepth = 0;
  byId("drop-target").hidden = true;
  const [file] = event.dataTransfer?.files ?? [];
  if (file) {
    event.preventDefault();
    searchWithPicture(file);
  }
});
addEventListener("keydown", (event) => {
  const typingElsewhere = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typingElsewhere && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    query.focus();
    query.select();
  }
  if (event.key === "ArrowDown" && event.target === query) {
    event.preventDefault();
    byId("grid").querySelector("a")?.focus();
  }
});

let chipUrl = null;
function renderChips() {
  if (chipUrl) URL.revokeObjectURL(chipUrl);
  chipUrl = null;
  const chips = [];
  if (view.image) {
    chipUrl = URL.createObjectURL(view.image);
    chips.push(chip(chipUrl, "your picture", () => state.show({}, { image: null })));
  }
  if (view.values.like) {
    const url = grid.find(view.values.like)?.thumbnail_url ?? `/api/v1/images/${view.values.like}/thumbnail`;
    chips.push(chip(url, "this photo", () => state.show({ like: null })));
  }
  byId("query-chips").replaceChildren(...chips);
  query.placeholder = chips.length ? "Add words" : "Search your photos";
}

function chip(url, what, onRemove) {
  const made = document.createElement("span");
  made.className = "chip";
  const image = document.createElement("img");
  image.src = url;
  image.alt = `Like ${what}`;
  image.addEventListener("error", () => image.replaceWith("Like your picture"), { once: true });
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "×";
  remove.setAttribute("aria-label", `Remove ${what}`);
  remove.addEventListener("click", onRemove);
  made.append(image, remove);
  return made;
}

// ---- filters and sort --------------------------------------------------------------------------------------------

const filterForm = byId("filter-form");
const filterFields = [...filterForm.querySelectorAll("[name]")];
byId("toggle-filters").addEventListener("click", () => showFilters(byId("filters").hidden));

function showFilters(open) {
  byId("filters").hidden = !open;
  byId("toggle-filters").setAttribute("aria-expanded", String(open));
  if (open) loadFacets();
}

filterForm.addEventListener("change", (event) => state.show({ [event.target.name]: event.target.value.trim() || null }));
filterForm.addEventListener("submit", (event) => {
  event.preventDefault();
  state.show(Object.fromEntries(filterFields.map((field) => [field.name, field.value.trim() || null])));
});
byId("clear-filters").addEventListener("click", clearFilters);
byId("sort").addEventListener("change", (event) => state.show({ sort: event.target.value }));

function clearFilters() {
  state.show(Object.fromEntries(state.FILTER_KEYS.map((key) => [key, null])));
}

async function loadFacets() {
  try {
    const [facets, collections] = await Promise.all([api.facets(), api.collections()]);
    fillSelect("person", facets.people);
    fillSelect("country", facets.countries);
    fillSelect("region", facets.regions);
    fillSelect("city", facets.cities);
    fillSelect("label", facets.color_labels);
    fillSelect("camera", facets.cameras);
    fillSelect("format", facets.formats);
    fillSelect("folder", facets.folders);
    const named = collections.collections.map((entry) => ({ value: entry.name, count: entry.photos }));
    fillSelect("collection", named);
    for (const label of filterForm.querySelectorAll("[data-when-any]")) {
      label.hidden = label.querySelector("select").options.length < 2;
    }
  } catch {
    // The selects keep what they have; searching is not affected.
  }
}

function fillSelect(name, entries) {
  const select = filterForm.elements[name];
  const chosen = view.values[name] ?? "";
  const any = select.options[0];
  const options = entries.map((entry) => new Option(`${entry.label ?? entry.value} (${number(entry.count)})`, entry.value));
  if (chosen && !entries.some((entry) => entry.value === chosen)) options.unshift(new Option(chosen, chosen));
  select.replaceChildren(any, ...options);
  select.value = chosen;
}

function renderFilters() {
  for (const field of filterFields) {
    const value = view.values[field.name] ?? "";
    if (field.tagName === "SELECT" && value && ![...field.options].some((option) => option.value === value)) {
      field.append(new Option(value, value));
      field.closest("label").hidden = false;
    }
    if (field.value !== value) field.value = value;
  }
  const active = state.FILTER_KEYS.some((key) => view.values[key]);
  byId("filters-dot").hidden = !active;
  byId("clear-filters").hidden = !active;
}

// ---- status ------------------------------------------------------------------------------------------------------

function onStatus(status) {
  const before = library;
  library = status;
  problems.setCounts(status);
  const banner = byId("banner");
  banner.hidden = !status.banner;
  banner.classList.toggle("warning", Boolean(status.banner) && !NOT_ALARMING.has(status.banner.code));
  if (status.banner) banner.replaceChildren(...withCode(status.banner.message));
  const plain = !state.hasQuery() && !state.FILTER_KEYS.some((key) => view.values[key]);
  const changed = before && (before.photos !== status.photos || before.points !== status.points);
  const first = !before && grid.photos.length === 0;
  if (changed && plain && scrollY < innerHeight && !results.loading && grid.photos.length <= PAGE) load({ quiet: true });
  else if (first && !results.loading) explainEmpty();
}

const NOT_ALARMING = new Set(["SEARCH_BY_CONTENT_OFF", "MODEL_NOT_FETCHED", "MODEL_LOADING"]);

/** Text with `commands` between backticks shown as code. */
function withCode(text) {
  return text.split("`").map((part, place) => {
    if (place % 2 === 0) return part;
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}

// ---- start -------------------------------------------------------------------------------------------------------

function render() {
  if (document.activeElement !== query || query.value.trim() !== (view.values.q ?? "")) query.value = view.values.q ?? "";
  renderChips();
  renderFilters();
}

state.onChange((before, imageChanged) => {
  render();
  if (imageChanged || state.resultsDiffer(before)) load();
  details.show(view.values.photo ?? null);
});
document.querySelector("[data-home]").addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const nothing = { q: null, like: null, photo: null };
  for (const key of state.FILTER_KEYS) nothing[key] = null;
  searchFor(nothing);
});
byId("more").addEventListener("click", loadMore);
new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && loadMore(), {
  rootMargin: "1200px",
}).observe(document.querySelector(".more"));

state.start();
render();
if (state.FILTER_KEYS.some((key) => view.values[key])) showFilters(true);
load().then(() => details.show(view.values.photo ?? null));
progress.refresh();

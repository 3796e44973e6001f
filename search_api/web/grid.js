// The photo grid: justified rows, one link per photo, arrow keys to walk.

import { address } from "./state.js";
import { counted, wallClock } from "./format.js";

/** What a screen reader says for a photo. */
export const altText = (photo) => photo.caption || photo.title || photo.file_name;

export class Grid {
  /** @param {HTMLUListElement} list @param {(photoId: string) => void} onOpen */
  constructor(list, onOpen) {
    this.list = list;
    this.onOpen = onOpen;
    /** @type {Array<object>} */
    this.photos = [];
    /** @type {number | null} */
    this.relevant = null;
    /** @type {Map<string, HTMLLIElement>} */
    this.tiles = new Map();
    list.addEventListener("click", (event) => this.#click(event));
    list.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("focusin", (event) => this.#rove(event.target.closest("a")));
  }

  /**
   * Show these photos instead of the present ones; tiles that stay are not rebuilt.
   * @param {Array<object>} photos @param {number | null} relevant How many stand out; the others follow below a line.
   */
  replace(photos, relevant = null) {
    const kept = this.tiles;
    this.tiles = new Map();
    this.photos = [];
    this.relevant = relevant;
    this.list.replaceChildren(...this.#items(photos, kept), this.#filler());
    this.#firstIsTabbable();
  }

  append(photos) {
    const fresh = photos.filter((photo) => !this.tiles.has(photo.photo_id));
    this.list.lastElementChild?.before(...this.#items(fresh, new Map()));
    this.#firstIsTabbable();
  }

  #items(photos, kept) {
    return photos.flatMap((photo) => {
      const old = kept.get(photo.photo_id);
      const tile = old && old.dataset.shows === shows(photo) ? old : this.#tile(photo);
      const first = this.photos.length === this.relevant && this.relevant > 0;
      this.photos.push(photo);
      this.tiles.set(photo.photo_id, tile);
      return first ? [this.#filler(), divider("Less alike"), tile] : [tile];
    });
  }

  /** Grey tiles while the first photos load. */
  showPlaceholders() {
    this.tiles.clear();
    this.photos = [];
    const ratios = [1.5, 0.75, 1.33, 1.5, 1, 1.5, 0.67, 1.78];
    const items = Array.from({ length: 24 }, (_, place) => {
      const item = document.createElement("li");
      item.className = "tile placeholder";
      item.style.setProperty("--ratio", String(ratios[place % ratios.length]));
      item.setAttribute("aria-hidden", "true");
      return item;
    });
    this.list.replaceChildren(...items, this.#filler());
  }

  focus(photoId) {
    this.tiles.get(photoId)?.querySelector("a")?.focus();
  }

  neighbour(photoId, step) {
    const place = this.photos.findIndex((photo) => photo.photo_id === photoId);
    return place < 0 ? undefined : this.photos[place + step];
  }

  find(photoId) {
    return this.photos.find((photo) => photo.photo_id === photoId);
  }

  #tile(photo) {
    const item = document.createElement("li");
    item.className = "tile";
    item.dataset.id = photo.photo_id;
    item.dataset.shows = shows(photo);
    // A panorama or a screenshot of a chat must not take, or lose, a whole row.
    const ratio = Math.min(Math.max((photo.width || 3) / (photo.height || 2), 0.5), 2.6);
    item.style.setProperty("--ratio", ratio.toFixed(3));

    const link = document.createElement("a");
    link.href = address({ photo: photo.photo_id });
    link.tabIndex = -1;
    const image = document.createElement("img");
    image.src = photo.thumbnail_url;
    image.alt = [altText(photo), ...marksOf(photo)].join(", ");
    image.loading = "lazy";
    image.decoding = "async";
    image.draggable = false;
    image.addEventListener("load", () => item.classList.add("loaded"), { once: true });
    image.addEventListener("error", () => item.classList.add("broken"), { once: true });
    link.append(image);

    const label = document.createElement("span");
    label.className = "tile-label";
    label.setAttribute("aria-hidden", "true");
    label.textContent = photo.caption || photo.file_name;
    link.append(label);
    if (photo.offline) link.append(badge("Missing"));
    const marks = marksOf(photo);
    if (marks.length) {
      const box = document.createElement("span");
      box.className = "marks";
      box.append(...marks.map((mark) => badge(mark)));
      link.append(box);
    }
    link.title = [photo.file_name, photo.taken_at && wallClock(photo.taken_at, false)].filter(Boolean).join(" · ");
    item.append(link);
    return item;
  }

  #filler() {
    const item = document.createElement("li");
    item.className = "filler";
    item.setAttribute("aria-hidden", "true");
    return item;
  }

  #firstIsTabbable() {
    if (!this.list.querySelector('a[tabindex="0"]')) this.#rove(this.list.querySelector("a"));
  }

  #rove(link) {
    if (!link) return;
    for (const other of this.list.querySelectorAll('a[tabindex="0"]')) other.tabIndex = -1;
    link.tabIndex = 0;
  }

  #click(event) {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.onOpen(link.closest("li").dataset.id);
  }

  #key(event) {
    const link = event.target.closest("a");
    if (!link) return;
    const links = [...this.list.querySelectorAll("a")];
    const place = links.indexOf(link);
    const target = {
      ArrowRight: () => links[place + 1],
      ArrowLeft: () => links[place - 1],
      ArrowDown: () => nearest(links.slice(place + 1), link, 1),
      ArrowUp: () => nearest(links.slice(0, place).reverse(), link, -1),
      Home: () => links[0],
      End: () => links.at(-1),
    }[event.key]?.();
    if (target) {
      event.preventDefault();
      target.focus();
      target.scrollIntoView({ block: "nearest" });
    }
  }
}

/** The link of the next row down (1) or up (-1) whose middle is closest to that of `from`. */
function nearest(candidates, from, direction) {
  const box = from.getBoundingClientRect();
  const middle = box.left + box.width / 2;
  let rowTop = null;
  let best = null;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const other = candidate.getBoundingClientRect();
    if ((other.top - box.top) * direction < box.height / 2) continue;
    rowTop ??= other.top;
    if (Math.abs(other.top - rowTop) > 4) break;
    const distance = Math.abs(other.left + other.width / 2 - middle);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** What a tile says beside its picture: the stack it stands for, its page, its motion. */
function marksOf(photo) {
  const marks = [];
  if (photo.stack_size > 1) marks.push(STACKS[photo.stack_kind]?.(photo) ?? counted(photo.stack_size, "photo"));
  if (photo.pages > 1) marks.push(`Page ${photo.page} of ${photo.pages}`);
  if (photo.motion) marks.push("Live");
  return marks;
}

const STACKS = {
  raw_jpeg: () => "RAW + JPEG",
  edit: (photo) => counted(photo.stack_size, "version"),
  burst: (photo) => `Burst of ${photo.stack_size}`,
};

/** Two photos with the same answer look the same in the grid. */
const shows = (photo) => [photo.thumbnail_url, photo.offline, photo.caption, ...marksOf(photo)].join("\n");

function divider(text) {
  const item = document.createElement("li");
  item.className = "divider";
  item.textContent = text;
  return item;
}

function badge(text) {
  const element = document.createElement("span");
  element.className = "badge";
  element.textContent = text;
  return element;
}

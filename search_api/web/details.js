// One photo: large preview, what is known about it, where its files are, photos like it.

import { api } from "./api.js";
import { altText } from "./grid.js";
import { bytes, exposure, number, place, wallClock } from "./format.js";
import { address } from "./state.js";

const byId = (id) => document.getElementById(id);

export class Details {
  /**
   * @param {{onClose: () => void, onShow: (photoId: string) => void, onSimilar: (photoId: string) => void,
   *          neighbour: (photoId: string, step: number) => object | undefined, known: (photoId: string) => object | undefined}} hooks
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.dialog = byId("details");
    this.photoId = null;
    this.request = null;
    byId("details-close").addEventListener("click", () => this.dialog.close());
    byId("details-previous").addEventListener("click", () => this.#step(-1));
    byId("details-next").addEventListener("click", () => this.#step(1));
    byId("details-similar").addEventListener("click", () => this.hooks.onSimilar(this.photoId));
    this.dialog.addEventListener("close", () => {
      this.request?.abort();
      const photoId = this.photoId;
      this.photoId = null;
      if (photoId) this.hooks.onClose(photoId);
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.#step(-1);
      if (event.key === "ArrowRight") this.#step(1);
    });
    byId("neighbours").addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.hooks.onShow(link.dataset.id);
    });
  }

  /** @param {string | null} photoId */
  async show(photoId) {
    if (photoId === this.photoId) return;
    this.request?.abort();
    this.photoId = photoId;
    if (!photoId) {
      if (this.dialog.open) this.dialog.close();
      return;
    }
    const request = new AbortController();
    this.request = request;
    const known = this.hooks.known(photoId);
    this.#clear();
    if (known) this.#fillHead(known);
    if (!this.dialog.open) this.dialog.showModal();
    this.#updateSteps();
    try {
      const photo = await api.photo(photoId, request.signal);
      if (this.photoId !== photoId) return;
      this.#fillHead(photo);
      this.#fillFacts(photo);
      await this.#fillNeighbours(photo, request.signal);
    } catch (error) {
      if (error.name === "AbortError" || this.photoId !== photoId) return;
      byId("details-missing").textContent = error.message;
      byId("details-missing").hidden = false;
    }
  }

  #step(step) {
    const next = this.photoId && this.hooks.neighbour(this.photoId, step);
    if (next) this.hooks.onShow(next.photo_id);
  }

  #updateSteps() {
    byId("details-previous").hidden = !this.hooks.neighbour(this.photoId, -1);
    byId("details-next").hidden = !this.hooks.neighbour(this.photoId, 1);
  }

  #clear() {
    byId("details-facts").replaceChildren();
    byId("details-paths").replaceChildren();
    byId("neighbours").replaceChildren();
    byId("details-neighbours").hidden = true;
    byId("details-missing").hidden = true;
    byId("details-caption").hidden = true;
    byId("details-name").textContent = "";
    const image = byId("details-image");
    image.removeAttribute("src");
    image.alt = "";
  }

  #fillHead(photo) {
    const image = byId("details-image");
    if (image.getAttribute("src") !== photo.preview_url) image.src = photo.preview_url;
    image.alt = altText(photo);
    if (photo.width && photo.height) {
      image.width = photo.width;
      image.height = photo.height;
    }
    byId("details-name").textContent = photo.title || photo.file_name;
    byId("details-caption").textContent = photo.caption ?? "";
    byId("details-caption").hidden = !photo.caption;
    const original = byId("details-original");
    original.href = photo.original_url ?? "";
    original.hidden = Boolean(photo.offline) || !photo.original_url;
    if (photo.offline) {
      byId("details-missing").textContent =
        "The file cannot be reached now: its disk may be unplugged, or it was moved or deleted. Loupe kept this preview.";
      byId("details-missing").hidden = false;
    }
  }

  #fillFacts(photo) {
    const facts = [
      ["Taken", photo.taken_at && wallClock(photo.taken_at)],
      ["Camera", photo.camera],
      ["Lens", photo.lens],
      ["Exposure", exposureLine(photo)],
      ["Size", sizeLine(photo)],
      ["Kind", photo.format],
      ["Rating", photo.rating && "★".repeat(photo.rating)],
      ["Description", photo.description],
      ["Keywords", photo.keywords?.join(", ")],
      ["Tags", photo.tags?.join(", ")],
      ["Collections", photo.collections?.join(", ")],
      ["Place", photo.location && place(photo.location.lat, photo.location.lon)],
      ["Added", photo.added_at && wallClock(photo.added_at, false)],
    ];
    const items = facts
      .filter(([, value]) => value)
      .flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
    byId("details-facts").replaceChildren(...items);
    byId("details-paths").replaceChildren(
      element("h3", photo.files.length > 1 ? `In ${photo.files.length} places` : "Where the file is"),
      ...photo.files.map((file) => {
        const row = element("p", "", "path");
        row.append(element("code", file.path));
        if (!file.reachable) row.append(element("span", "missing", "badge"));
        return row;
      }),
    );
  }

  async #fillNeighbours(photo, signal) {
    if (!photo.searchable_by_content) return;
    const { hits } = await api.similar(photo.photo_id, 12, signal);
    if (this.photoId !== photo.photo_id || hits.length === 0) return;
    byId("neighbours").replaceChildren(
      ...hits.map((similar) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = address({ photo: similar.photo_id });
        link.dataset.id = similar.photo_id;
        const image = document.createElement("img");
        image.src = similar.thumbnail_url;
        image.alt = altText(similar);
        image.loading = "lazy";
        link.append(image);
        item.append(link);
        return item;
      }),
    );
    byId("details-neighbours").hidden = false;
  }
}

function exposureLine(photo) {
  const parts = [
    photo.exposure_s && exposure(photo.exposure_s),
    photo.f_number && `f/${Number(photo.f_number.toFixed(1))}`,
    photo.iso && `ISO ${photo.iso}`,
    photo.focal_length_mm && `${Number(photo.focal_length_mm.toFixed(1))} mm`,
  ].filter(Boolean);
  return parts.join(" · ");
}

function sizeLine(photo) {
  const parts = [];
  if (photo.width && photo.height) {
    parts.push(`${number(photo.width)} × ${number(photo.height)}`);
    const megapixels = (photo.width * photo.height) / 1e6;
    if (megapixels >= 0.5) parts.push(`${megapixels.toFixed(1)} MP`);
  }
  if (photo.size_bytes) parts.push(bytes(photo.size_bytes));
  return parts.join(" · ");
}

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

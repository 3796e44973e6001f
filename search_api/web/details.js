// One photo: large preview, what is known about it, where its files are, photos like it.

import { api } from "./api.js";
import { altText } from "./grid.js";
import { button, element } from "./elements.js";
import { bytes, counted, exposure, number, offset, place, wallClock } from "./format.js";
import { address } from "./state.js";

const byId = (id) => document.getElementById(id);

export class Details {
  /**
   * @param {{onClose: () => void, onShow: (photoId: string) => void, onSimilar: (photoId: string) => void,
   *          neighbour: (photoId: string, step: number) => object | undefined, known: (photoId: string) => object | undefined,
   *          onStacksChanged: () => void}} hooks
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
    for (const list of [byId("neighbours"), byId("stack-photos")]) {
      list.addEventListener("click", (event) => {
        const link = event.target.closest("a");
        if (!link || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        this.hooks.onShow(link.dataset.id);
      });
    }
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
      await this.#fillStack(photo, request.signal);
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
    byId("details-stack").hidden = true;
    byId("details-warnings").replaceChildren();
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
    byId("details-warnings").replaceChildren(...photo.warning_notes.map((note) => warning(note)));
    const facts = [
      ["Taken", photo.taken_at && takenLine(photo)],
      ["Date from", DATE_SOURCES[photo.taken_at_source]],
      ["People", photo.people.join(", ")],
      ["Place", placeLine(photo)],
      ["Camera", photo.camera],
      ["Lens", photo.lens],
      ["Exposure", exposureLine(photo)],
      ["Size", sizeLine(photo)],
      ["Kind", kindLine(photo)],
      ["Rating", photo.rating && "★".repeat(photo.rating)],
      ["Label", photo.color_label],
      ["Description", photo.description],
      ["Keywords", photo.keywords?.join(", ")],
      ["Tags", photo.tags?.join(", ")],
      ["Collections", photo.collections?.join(", ")],
      ["Position", photo.location && positionLine(photo)],
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
      ...(photo.motion_url ? motionVideo(photo) : []),
    );
  }

  /** The photos that belong to this one, and what a person may say about that. */
  async #fillStack(photo, signal) {
    if (!photo.stack) return;
    const stack = await api.stack(photo.photo_id, signal);
    if (this.photoId !== photo.photo_id) return;
    byId("stack-title").textContent = STACKS[stack.kind](stack.photos.length);
    byId("stack-photos").replaceChildren(
      ...stack.photos.map((member, at) => {
        const item = pictureLink(member, `${member.file_name}${at === 0 ? ", the cover" : ""}`);
        if (member.photo_id === photo.photo_id) item.firstElementChild.setAttribute("aria-current", "true");
        item.firstElementChild.append(element("span", at === 0 ? "Cover" : (member.format ?? ""), "badge"));
        return item;
      }),
    );
    const { photo_id: id } = photo;
    const say = (text, action, done) => button(text, (pressed) => this.#change(pressed, () => action(id), done), "small");
    const actions = [];
    if (!photo.stack.is_cover) actions.push(say("Make this the cover", api.chooseCover, "Search shows this photo for the stack now."));
    if (stack.photos.length > 2) actions.push(say("Take this photo out", api.takeOut, "This photo stands alone now."));
    actions.push(say("Take the stack apart", api.unstack, "These photos stand alone now."));
    byId("stack-actions").replaceChildren(...actions);
    byId("details-stack").hidden = false;
  }

  /** Change the stack, show what became of it, and offer the way back where there is one. */
  async #change(pressed, action, done) {
    const photoId = this.photoId;
    pressed.disabled = true;
    try {
      const changed = await action();
      this.hooks.onStacksChanged();
      if (this.photoId !== photoId) return;
      this.#again(photoId);
      const said = byId("details-missing");
      said.textContent = done;
      said.hidden = false;
      if (!changed.stack_id) {
        said.append(" ", button("Undo", (undo) => this.#change(undo, () => api.reunite(photoId), "They stand together again."), "link"));
      }
    } catch (error) {
      pressed.disabled = false;
      byId("details-missing").textContent = error.message;
      byId("details-missing").hidden = false;
    }
  }

  /** Show the same photo anew. */
  #again(photoId) {
    this.photoId = null;
    this.show(photoId);
  }

  async #fillNeighbours(photo, signal) {
    if (!photo.searchable_by_content) return;
    const { hits } = await api.similar(photo.photo_id, 12, signal);
    if (this.photoId !== photo.photo_id || hits.length === 0) return;
    byId("neighbours").replaceChildren(
      ...hits.map((similar) => pictureLink(similar, altText(similar))),
    );
    byId("details-neighbours").hidden = false;
  }
}

const STACKS = {
  raw_jpeg: (count) => (count === 2 ? "RAW and JPEG of one shot" : `RAW and JPEG of one shot, ${counted(count, "file")}`),
  edit: (count) => `${counted(count, "version")} of one photo`,
  burst: (count) => `Burst of ${counted(count, "photo")}`,
};

const DATE_SOURCES = {
  exif_digitized: "when it was digitised",
  xmp: "what an editor wrote (XMP)",
  iptc: "what an editor wrote (IPTC)",
  gps: "the satellites' clock",
  raw: "the camera's raw data",
  file_name: "the file's name",
  file_modified: "when the file was last changed",
};

const takenLine = (photo) =>
  wallClock(photo.taken_at, photo.taken_at_source !== "file_name" || !photo.taken_at.endsWith("T00:00:00")) +
  (photo.taken_at_offset_min === null ? "" : ` (${offset(photo.taken_at_offset_min)})`);

function placeLine(photo) {
  const parts = [photo.city, photo.region === photo.city ? null : photo.region, photo.country ?? photo.country_code];
  const named = parts.filter(Boolean).join(", ");
  return named && photo.place_source === "gps" ? `${named} (looked up by the position)` : named;
}

const positionLine = (photo) =>
  place(photo.location.lat, photo.location.lon) +
  (photo.gps_alt_m === null ? "" : ` · ${number(Math.round(photo.gps_alt_m))} m`);

function kindLine(photo) {
  const parts = [
    photo.format,
    photo.pages > 1 && `page ${photo.page} of ${photo.pages}`,
    photo.motion && "with a short video",
  ];
  return parts.filter(Boolean).join(" · ");
}

function warning({ message, advice }) {
  const notice = element("p", message, "notice warning");
  if (advice) notice.append(element("span", ` ${advice.replaceAll("`", "")}`, "muted"));
  return notice;
}

function motionVideo(photo) {
  const row = element("p", "", "path");
  row.append(element("code", photo.motion_path), " ");
  const link = element("a", "Open the video");
  link.href = photo.motion_url;
  link.target = "_blank";
  link.rel = "noopener";
  row.append(link);
  return [element("h3", "Its video"), row];
}

/** A small picture in a list, leading to the photo. */
function pictureLink(photo, text) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = address({ photo: photo.photo_id });
  link.dataset.id = photo.photo_id;
  const image = document.createElement("img");
  image.src = photo.thumbnail_url;
  image.alt = text;
  image.loading = "lazy";
  link.append(image);
  item.append(link);
  return item;
}

function exposureLine(photo) {
  const parts = [
    photo.exposure_s && exposure(photo.exposure_s),
    photo.f_number && `f/${Number(photo.f_number.toFixed(1))}`,
    photo.iso && `ISO ${photo.iso}`,
    photo.focal_length_mm && `${Number(photo.focal_length_mm.toFixed(1))} mm`,
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

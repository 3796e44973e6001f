// The two side panels: the folders of the library, and the files that could not be read.

import { api } from "./api.js";
import { counted, number } from "./format.js";

const byId = (id) => document.getElementById(id);

function closable(dialog) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}

const ROOT_STATES = {
  offline: "Not reachable now; its photos stay searchable",
  vanished: "Many files are gone; nothing was removed. Check the disk, then run loupe folders accept-missing",
};

export class FoldersPanel {
  /** @param {() => void} onAdded */
  constructor(onAdded) {
    this.dialog = byId("folders");
    closable(this.dialog);
    byId("open-folders").addEventListener("click", () => this.open());
    byId("folder-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const field = byId("folder-path");
      const button = event.target.querySelector("button");
      const error = byId("folder-error");
      error.textContent = "";
      field.removeAttribute("aria-invalid");
      button.disabled = true;
      try {
        const added = await api.addFolder(field.value.trim());
        error.textContent = added.note ?? "";
        field.value = "";
        onAdded();
        await this.#fill();
      } catch (problem) {
        error.textContent = problem.message;
        field.setAttribute("aria-invalid", "true");
        field.focus();
      } finally {
        button.disabled = false;
      }
    });
  }

  async open() {
    if (!this.dialog.open) this.dialog.showModal();
    byId("folder-path").focus();
    await this.#fill();
  }

  async #fill() {
    const list = byId("folder-list");
    try {
      const { folders } = await api.folders();
      const rows = folders.map((folder) => {
        const item = document.createElement("li");
        const path = document.createElement("code");
        path.textContent = folder.path;
        const note = document.createElement("p");
        note.className = "muted";
        const parts = [
          counted(folder.photos, "photo"),
          folder.waiting > 0 && `${number(folder.waiting)} still to read`,
          folder.missing > 0 && `${number(folder.missing)} missing`,
          ROOT_STATES[folder.state],
        ];
        note.textContent = parts.filter(Boolean).join(" · ");
        item.append(path, note);
        item.classList.toggle("attention", folder.state !== "online");
        return item;
      });
      list.replaceChildren(...(rows.length ? rows : [empty("No folder yet. Add the one that holds your photos.")]));
    } catch (problem) {
      list.replaceChildren(empty(problem.message));
    }
  }
}

export class ProblemsPanel {
  constructor() {
    this.dialog = byId("problems");
    this.offset = 0;
    closable(this.dialog);
    byId("open-problems").addEventListener("click", () => this.open());
  }

  setCount(count) {
    byId("open-problems").hidden = count === 0;
    byId("problem-count").textContent = number(count);
  }

  async open() {
    if (!this.dialog.open) this.dialog.showModal();
    byId("problem-list").replaceChildren();
    await this.#load(0);
  }

  async #load(offset) {
    const list = byId("problem-list");
    list.querySelector("[data-more]")?.remove();
    try {
      const reply = await api.failures(null, offset);
      for (const failure of reply.failures) this.#group(failure.code, reply.by_code).append(row(failure));
      if (reply.total === 0) list.replaceChildren(empty("Every file could be read."));
      const next = offset + reply.failures.length;
      if (next < reply.total && reply.failures.length > 0) {
        const more = document.createElement("button");
        more.type = "button";
        more.dataset.more = "";
        more.textContent = `Show more (${number(reply.total - next)} left)`;
        more.addEventListener("click", () => this.#load(next));
        list.append(more);
      }
    } catch (problem) {
      list.append(empty(problem.message));
    }
  }

  /** The list for one kind of problem, with its heading. */
  #group(code, kinds) {
    const list = byId("problem-list");
    let group = list.querySelector(`ul[data-code="${CSS.escape(code)}"]`);
    if (!group) {
      const kind = kinds.find((entry) => entry.code === code);
      const heading = document.createElement("h3");
      heading.textContent = kind ? `${kind.meaning} ` : code;
      const count = document.createElement("span");
      count.className = "count";
      count.textContent = kind ? number(kind.count) : "";
      heading.append(count);
      group = document.createElement("ul");
      group.className = "problem-files";
      group.dataset.code = code;
      list.append(heading, group);
    }
    return group;
  }
}

function row(failure) {
  const item = document.createElement("li");
  const path = document.createElement("code");
  path.textContent = failure.path;
  const message = document.createElement("p");
  message.className = "muted";
  message.textContent = failure.message;
  item.append(path, message);
  return item;
}

function empty(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "muted";
  paragraph.textContent = text;
  return paragraph;
}

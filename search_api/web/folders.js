// The panel with the folders of the library: adding one, how far each is, what is left out of it.

import { api } from "./api.js";
import { closable, element, quietLine } from "./elements.js";
import { counted, number } from "./format.js";

const byId = (id) => document.getElementById(id);

const ROOT_STATES = {
  offline: "Not reachable now; its photos stay searchable",
  vanished: "Many files are gone; nothing was removed. Check the disk, then run loupe folders accept-missing",
};

export class FoldersPanel {
  /** @param {() => void} onAdded @param {() => void} onSkipped Shows what is left out. */
  constructor(onAdded, onSkipped) {
    this.dialog = byId("folders");
    this.onSkipped = onSkipped;
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
      const rows = folders.map((folder) => this.#row(folder));
      list.replaceChildren(...(rows.length ? rows : [quietLine("No folder yet. Add the one that holds your photos.")]));
    } catch (problem) {
      list.replaceChildren(quietLine(problem.message));
    }
  }

  #row(folder) {
    const item = document.createElement("li");
    const parts = [
      counted(folder.photos, "photo"),
      folder.waiting > 0 && `${number(folder.waiting)} still to read`,
      folder.missing > 0 && `${number(folder.missing)} missing`,
      ROOT_STATES[folder.state],
    ];
    const note = quietLine(parts.filter(Boolean).join(" · "));
    if (folder.skipped > 0) {
      const left = element("button", `${number(folder.skipped)} left out`, "link");
      left.type = "button";
      left.addEventListener("click", () => {
        this.dialog.close();
        this.onSkipped(folder.path);
      });
      note.append(" · ", left);
    }
    item.append(element("code", folder.path), note);
    item.classList.toggle("attention", folder.state !== "online");
    return item;
  }
}

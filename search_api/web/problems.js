// The panel of files that need a look: those that failed, photos that came in with a warning, what is left out.

import { api } from "./api.js";
import { button, closable, element, quietLine } from "./elements.js";
import { counted, moment, number } from "./format.js";

const byId = (id) => document.getElementById(id);
const PAGE = 50;

export class ProblemsPanel {
  /** @param {{onRetried: () => void, onPhoto: (photoId: string) => void}} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    this.dialog = byId("problems");
    this.under = null;
    this.shown = 0; // only the newest request may fill the list
    closable(this.dialog);
    byId("open-problems").addEventListener("click", () => this.open(this.failures > 0 ? "failures" : "warnings"));
    this.tabs = [...byId("problem-tabs").querySelectorAll("button")];
    for (const tab of this.tabs) tab.addEventListener("click", () => this.#show(tab.dataset.view));
    byId("problem-tabs").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const at = this.tabs.indexOf(event.target) + step;
      const next = this.tabs[(at + this.tabs.length) % this.tabs.length];
      next.focus();
      this.#show(next.dataset.view);
    });
  }

  /** @param {{failures: number, warned: number, skipped: number}} status */
  setCounts({ failures, warned, skipped }) {
    this.failures = failures;
    byId("open-problems").hidden = failures + warned === 0;
    byId("open-problems-label").textContent = failures > 0 ? "Problem files" : "Worth a look";
    byId("problem-count").textContent = number(failures || warned);
    for (const [view, count] of Object.entries({ failures, warnings: warned, skipped })) {
      byId(`${view}-count`).textContent = number(count);
    }
  }

  /** @param {"failures" | "warnings" | "skipped"} view @param {string} [under] A folder to narrow to. */
  open(view, under) {
    this.under = under ?? null;
    if (!this.dialog.open) this.dialog.showModal();
    this.#show(view);
  }

  async #show(view) {
    for (const tab of this.tabs) {
      const chosen = tab.dataset.view === view;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen) byId("problem-list").setAttribute("aria-labelledby", tab.id);
    }
    byId("problem-said").textContent = "";
    this.shown += 1;
    const mine = this.shown;
    const list = byId("problem-list");
    list.replaceChildren();
    try {
      const parts = await { failures: () => this.#failures(), warnings: () => this.#warnings(), skipped: () => this.#skipped() }[
        view
      ]();
      if (mine === this.shown) list.replaceChildren(...parts);
    } catch (problem) {
      if (mine === this.shown) list.replaceChildren(quietLine(problem.message));
    }
  }

  // Files that failed

  async #failures() {
    const { by_code: kinds, by_stage: stages, total } = await api.failures({ under: this.under, limit: 1 });
    if (total === 0) return [quietLine("Every file could be read.")];
    const head = element("div", "", "problem-head");
    head.append(quietLine(failureSentence(stages)));
    if (kinds.length > 1) {
      head.append(button("Try all again", (pressed) => this.#retry(this.under ? { under: this.under } : { all: true }, pressed)));
    }
    const groups = await Promise.all(kinds.map((kind) => this.#failureGroup(kind)));
    return [head, ...groups];
  }

  async #failureGroup(kind) {
    const group = groupOf(kind.meaning, kind.count, kind.advice);
    const narrowed = { codes: [kind.code], ...(this.under && { under: this.under }) };
    const word = kind.count === 1 ? "Try again" : `Try these ${number(kind.count)} again`;
    group.heading.append(button(word, (pressed) => this.#retry(narrowed, pressed), "quiet small"));
    await fillPages(group, kind.count, async (offset) => {
      const { failures } = await api.failures({ code: kind.code, under: this.under, limit: PAGE, offset });
      return failures.map((failure) => this.#failureRow(failure, kind.count > 1));
    });
    return group.section;
  }

  #failureRow(failure, alone) {
    const page = failure.page > 1 ? ` · page ${failure.page}` : "";
    const row = fileRow(failure.path, failure.stage === "file_inventory" ? "/" : page);
    row.append(element("p", failure.message));
    if (failure.attempts > 1) {
      row.append(quietLine(`Tried ${failure.attempts} times, last on ${moment(failure.last_at)}`));
    }
    if (failure.retried) {
      row.append(quietLine("Waits to be tried again"));
    } else if (alone) {
      const again = button("Try again", (pressed) => this.#retry({ ids: [failure.id] }, pressed), "quiet small");
      again.setAttribute("aria-label", `Try ${nameOf(failure.path)} again`);
      row.append(again);
    }
    return row;
  }

  async #retry(which, pressed) {
    pressed.disabled = true;
    const said = byId("problem-said");
    try {
      const { retried, note } = await api.retryFailures(which);
      const files = counted(retried, "file");
      await this.#show("failures");
      said.textContent = note
        ? `${files} will be tried again. ${note.replaceAll("`", "")}`
        : `Trying ${files} again now. What fails again stays in this list.`;
      this.hooks.onRetried();
    } catch (problem) {
      if (problem.code === "FAILURE_NOT_FOUND") await this.#show("failures");
      said.textContent = problem.message;
      pressed.disabled = false;
    }
  }

  // Photos that came in with a warning

  async #warnings() {
    const { by_code: kinds, total } = await api.warnings({ under: this.under, limit: 1 });
    if (total === 0) return [quietLine("No photo came in with a warning.")];
    const sentence =
      total === 1
        ? "This photo is in your library, but something was odd in its file. Look whether it is whole."
        : `These ${number(total)} photos are in your library, but something was odd in their files. Look whether they are whole.`;
    const groups = await Promise.all(
      kinds.map(async (kind) => {
        const group = groupOf(kind.meaning, kind.count, kind.advice);
        await fillPages(group, kind.count, async (offset) => {
          const { photos } = await api.warnings({ code: kind.code, under: this.under, limit: PAGE, offset });
          return photos.map((photo) => this.#warnedRow(photo));
        });
        return group.section;
      }),
    );
    return [quietLine(sentence), ...groups];
  }

  #warnedRow(photo) {
    const row = fileRow(photo.path, photo.pages > 1 ? ` · page ${photo.page} of ${photo.pages}` : "");
    row.classList.add("with-picture");
    const open = button("", () => {
      this.dialog.close();
      this.hooks.onPhoto(photo.photo_id);
    });
    open.className = "picture";
    open.setAttribute("aria-label", `Show ${nameOf(photo.path)}`);
    const image = element("img");
    image.src = photo.thumbnail_url;
    image.alt = "";
    image.loading = "lazy";
    open.append(image);
    row.prepend(open);
    return row;
  }

  // Files that are left out

  async #skipped() {
    const { by_reason: reasons, total } = await api.skipped({ under: this.under, limit: 1 });
    if (total === 0) return [quietLine("No file is left out.")];
    const sentence = `${counted(total, "file")} beside your photos ${total === 1 ? "is" : "are"} left out on purpose.`;
    const groups = await Promise.all(
      reasons.map(async ({ reason, count }) => {
        const group = groupOf(capital(reason), count, SKIPPED[reason]);
        await fillPages(group, count, async (offset) => {
          const { files } = await api.skipped({ reason, under: this.under, limit: PAGE, offset });
          return files.map((file) => fileRow(file.path, ""));
        });
        return group.section;
      }),
    );
    return [quietLine(sentence), ...groups];
  }
}

const SKIPPED = {
  video: "Loupe reads photos; videos stay where they are.",
  "video of a Live Photo": "They belong to photos in your library and open with them.",
  sidecar: "What they say is read into the photos beside them.",
  "ignored by .loupeignore": "A .loupeignore file in the folder says so.",
  "broken link": "The link leads nowhere.",
  "link to a folder": "Folders behind links are not followed. Add such a folder by itself.",
};

/** What could not be done, by the kind of work: "1 folder and 3 files could not be read." */
function failureSentence(stages) {
  const count = (...names) => stages.filter((each) => names.includes(each.stage)).reduce((sum, each) => sum + each.count, 0);
  const unread = [
    [count("file_inventory"), "folder"],
    [count("decoded_images"), "file"],
  ].filter(([number]) => number > 0);
  const unseen = count("embeddings", "captions");
  const sidecars = count("sidecars");
  const sentences = [
    unread.length && `${unread.map(([number, word]) => counted(number, word)).join(" and ")} could not be read.`,
    unseen && `${counted(unseen, "photo")} could be read, but the model failed on ${unseen === 1 ? "it" : "them"}.`,
    sidecars && `Of ${counted(sidecars, "photo")} the .xmp file beside ${sidecars === 1 ? "it" : "them"} could not be read.`,
    "Nothing in your folders was changed; all other photos are in your library.",
  ];
  return sentences.filter(Boolean).join(" ");
}

/** A kind with its heading; `list` takes the rows. */
function groupOf(title, count, advice) {
  const section = element("section", "", "problem-kind");
  const heading = element("div", "", "problem-heading");
  const name = element("h3", `${title} `);
  name.append(element("span", number(count), "count"));
  heading.append(name);
  section.append(heading);
  if (advice) section.append(quietLine(advice.replaceAll("`", "")));
  const list = element("ul", "", "problem-files");
  section.append(list);
  return { section, heading, list };
}

/** Fill the list page by page: the first now, the next when asked for. */
async function fillPages(group, total, load) {
  const rows = await load(group.list.children.length);
  group.list.append(...rows);
  const left = total - group.list.children.length;
  if (rows.length === 0 || left <= 0) return;
  const more = button(`Show more (${number(left)} left)`, async (pressed) => {
    pressed.disabled = true;
    await fillPages(group, total, load);
    pressed.remove();
  });
  group.section.append(more);
}

const nameOf = (path) => path.slice(path.lastIndexOf("/") + 1) || path;

/** The file's name, and the folder it stands in. */
function fileRow(path, after) {
  const row = element("li");
  const name = element("p", "", "file");
  name.append(element("strong", nameOf(path) + after), " ", element("code", path.slice(0, path.lastIndexOf("/")) || "/"));
  row.append(name);
  return row;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// The strip under the search box: how much is searchable, how fast it goes, how long it takes.
// While work runs it follows the job's event stream; otherwise it looks every few seconds.

import { api } from "./api.js";
import { counted, duration, number } from "./format.js";

const byId = (id) => document.getElementById(id);
const IDLE_MS = 5000;
const BUSY_MS = 2500;
const STOPPED_SAID_MS = 20000;

export class Progress {
  /** @param {(status: object) => void} onStatus */
  constructor(onStatus) {
    this.onStatus = onStatus;
    this.status = null;
    this.job = null;
    this.stream = null;
    this.timer = 0;
    this.stopped = 0; // when a person stopped a run; what is left is said for a while
    byId("progress-stop").addEventListener("click", (event) => this.#stop(event.currentTarget));
    byId("progress-pause").addEventListener("click", (event) => this.#pauseOrResume(event.currentTarget));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.refresh();
    });
  }

  async refresh() {
    clearTimeout(this.timer);
    try {
      this.status = await api.status();
      byId("offline-banner").hidden = true;
      this.#follow(this.status.job);
      this.#render();
      this.onStatus(this.status);
    } catch (error) {
      byId("offline-banner").hidden = error.code !== "OFFLINE";
    }
    const wait = this.job ? BUSY_MS : IDLE_MS;
    this.timer = setTimeout(() => this.refresh(), document.hidden ? wait * 4 : wait);
  }

  #follow(job) {
    if (job?.job_id === this.job?.job_id) return;
    this.stream?.close();
    this.job = job ?? null;
    this.stream = null;
    if (!job) return;
    const stream = api.jobEvents(job.job_id);
    this.stream = stream;
    stream.addEventListener("progress", (event) => {
      this.job = JSON.parse(event.data);
      this.#render();
    });
    stream.addEventListener("end", () => {
      stream.close();
      if (this.stream === stream) [this.stream, this.job] = [null, null];
      this.refresh();
    });
    // The poll goes on, so a broken stream costs only smoothness.
    stream.addEventListener("error", () => stream.close());
  }

  #render() {
    const { searchable = 0, total = 0, waiting = 0 } = this.status ?? {};
    const job = this.job;
    const strip = byId("progress");
    const justStopped = !job && Date.now() - this.stopped < STOPPED_SAID_MS;
    const paused = Boolean(this.status?.paused_at);
    strip.hidden = !job && !justStopped && !paused;
    strip.classList.toggle("still", !job);
    byId("progress-stop").hidden = !job;
    byId("progress-pause").hidden = !job && !paused;
    byId("progress-pause").textContent = paused ? "Resume" : "Pause";
    if (paused && !job) {
      byId("progress-text").textContent = "Reading photos is paused";
      byId("progress-detail").textContent = "Search goes on";
    } else if (justStopped) {
      byId("progress-text").textContent = "Stopped; what is done is kept";
      byId("progress-detail").textContent = leftToDo(this.status);
    }
    if (!job) return;
    byId("progress-text").textContent =
      searchable < total ? `Searching ${number(searchable)} of ${number(total)}` : STAGES[job.stage] ?? "Working";
    const parts = [
      searchable < total && STAGES[job.stage],
      job.photos_per_s >= 0.1 && `${number(Number(job.photos_per_s.toPrecision(2)))} photos a second`,
      job.eta_s > 0 && `${duration(job.eta_s)} left`,
      !job.stage && waiting > 0 && `${counted(waiting, "photo")} to read`,
    ];
    byId("progress-detail").textContent = parts.filter(Boolean).join(" · ");
    const bar = byId("progress-bar");
    const known = searchable < total ? [searchable, total] : [job.done, job.total];
    if (known[1] > 0) {
      bar.max = known[1];
      bar.value = known[0];
    } else {
      bar.removeAttribute("value");
    }
  }

  async #pauseOrResume(button) {
    button.disabled = true;
    try {
      await (this.status?.paused_at ? api.resume() : api.pause());
      await this.refresh();
    } catch (error) {
      byId("progress-detail").textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }

  async #stop(button) {
    if (!this.job) return;
    button.disabled = true;
    try {
      await api.cancelJob(this.job.job_id);
      this.stopped = Date.now();
      byId("progress-detail").textContent = "Stopping";
    } catch (error) {
      byId("progress-detail").textContent = error.message;
    } finally {
      button.disabled = false;
    }
  }
}

/** What waits, and that nobody has to do anything about it. */
function leftToDo({ waiting = 0, waiting_embeddings: unseen = 0, waiting_captions: undescribed = 0 }) {
  const parts = [
    waiting > 0 && `${counted(waiting, "photo")} to read`,
    unseen > 0 && `${counted(unseen, "photo")} to make searchable`,
    undescribed > 0 && `${counted(undescribed, "photo")} to describe`,
  ].filter(Boolean);
  if (parts.length === 0) return "Nothing is left to do.";
  return `Left: ${parts.join(", ")}. Loupe goes on with ${parts.length > 1 || !parts[0].startsWith("1 ") ? "them" : "it"} by itself.`;
}

const STAGES = {
  sidecars: "Reading what sidecars say",
  decoded: "Reading photos",
  embedded: "Learning what photos show",
  captioned: "Describing photos",
};

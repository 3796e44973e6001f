// Talks to /api/v1. Every failure becomes an ApiError with a code and a sentence for a person.

export class ApiError extends Error {
  /** @param {string} code @param {string} message @param {number} status */
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const BASE = "/api/v1";

/** @param {string} path @param {RequestInit} [options] */
async function request(path, options = {}) {
  let reply;
  try {
    reply = await fetch(BASE + path, { ...options, headers: { Accept: "application/json", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("OFFLINE", "Loupe does not answer. Is it still running?", 0);
  }
  const isJson = (reply.headers.get("Content-Type") ?? "").includes("json");
  const content = isJson ? await reply.json() : null;
  if (!reply.ok) {
    const { code = "INTERNAL", message = `Loupe answered with ${reply.status}.` } = content?.error ?? {};
    throw new ApiError(code, message.replaceAll("`", ""), reply.status);
  }
  return content;
}

const asJson = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

/** What is set, as the parameters of an address. */
function parameters(which) {
  return new URLSearchParams(Object.entries(which).filter(([, value]) => value !== null && value !== undefined));
}

export const api = {
  /** @param {object} body @param {AbortSignal} signal */
  search: (body, signal) => request("/search", { ...asJson(body), signal }),
  searchWithImage(file, body, signal) {
    const form = new FormData();
    form.append("image", file, file.name || "picture");
    form.append("query", JSON.stringify(body));
    return request("/search/image", { method: "POST", body: form, signal });
  },
  photo: (id, signal) => request(`/images/${encodeURIComponent(id)}`, { signal }),
  similar: (id, limit, signal) => request(`/images/${encodeURIComponent(id)}/similar?limit=${limit}`, { signal }),
  status: () => request("/status"),
  facets: () => request("/browse/facets"),
  folders: () => request("/folders"),
  addFolder: (path) => request("/folders", asJson({ path })),
  collections: () => request("/collections"),
  failures: (which) => request(`/failures?${parameters(which)}`),
  /** @param {{ids?: string[], codes?: string[], under?: string, all?: boolean}} which */
  retryFailures: (which) => request("/failures/retry", asJson(which)),
  warnings: (which) => request(`/warnings?${parameters(which)}`),
  skipped: (which) => request(`/skipped?${parameters(which)}`),
  stack: (id, signal) => request(`/images/${encodeURIComponent(id)}/stack`, { signal }),
  chooseCover: (id) => request(`/images/${encodeURIComponent(id)}/stack/cover`, { method: "POST" }),
  takeOut: (id) => request(`/images/${encodeURIComponent(id)}/stack/take-out`, { method: "POST" }),
  unstack: (id) => request(`/images/${encodeURIComponent(id)}/stack`, { method: "DELETE" }),
  reunite: (id) => request(`/images/${encodeURIComponent(id)}/stack/reunite`, { method: "POST" }),
  pause: () => request("/ingest/pause", { method: "POST" }),
  resume: () => request("/ingest/resume", { method: "POST" }),
  cancelJob: (id) => request(`/jobs/${encodeURIComponent(id)}/cancel`, { method: "POST" }),
  jobEvents: (id) => new EventSource(`${BASE}/jobs/${encodeURIComponent(id)}/events`),
};

// Requests that leave before the code that needs their answers has arrived; each answer is given once.

const FRESH_MS = 10_000;
const asked = new Map<string, Promise<Response>>();

function keyOf(address: string, body: string): string {
  const { pathname, search } = new URL(address, location.href);
  return `${pathname}${search} ${body}`;
}

/** Ask the API now. With `body` it is a POST of that JSON. */
export function askEarly(path: string, body?: unknown): Promise<Response> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const posted = { method: "POST", headers: { "Content-Type": "application/json" }, body: text };
  const reply = fetch(path, body === undefined ? {} : posted);
  reply.catch(() => undefined); // who asks for it is told
  asked.set(keyOf(path, text), reply);
  setTimeout(() => asked.delete(keyOf(path, text)), FRESH_MS);
  return reply;
}

/** `fetch`, which gives the early answer where the same was asked already. */
export async function fetchOrEarly(request: Request): Promise<Response> {
  const path = keyOf(request.url, "");
  if (![...asked.keys()].some((key) => key.startsWith(path))) return fetch(request);
  const key = path + (request.method === "POST" ? await request.clone().text() : "");
  const reply = ["GET", "POST"].includes(request.method) ? asked.get(key) : undefined;
  asked.delete(key);
  return reply ?? fetch(request);
}

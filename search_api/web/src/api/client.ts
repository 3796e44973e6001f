// Talks to the API. Every failure becomes an ApiError with a code and a sentence for a person.

import type { components, paths } from "#api";
import createClient from "openapi-fetch";

import { t } from "../texts";
import { fetchOrEarly } from "./early";

type Schemas = components["schemas"];
export type PhotoCard = Schemas["PhotoCard"];
export type Photo = Schemas["Photo"];
export type PhotoStack = Schemas["PhotoStack"];
export type Status = Schemas["Status"];
export type Job = Schemas["Job"];
export type Folder = Schemas["Folders"]["folders"][number];
export type Failure = Schemas["Failure"];
export type MapTiles = Schemas["MapTiles"];
export type PlaceCell = Schemas["PlaceCell"];
export type HiddenPhoto = Schemas["HiddenPhoto"];
export type FailureKind = Schemas["FailureKind"];
export type FailureStage = Schemas["FailureStage"];
export type RetryFailures = Schemas["RetryFailures"];
export type WarnedPhoto = Schemas["WarnedPhoto"];
export type SkippedFile = Schemas["SkippedFile"];
export type Duplicate = Schemas["Duplicate"];
export type DuplicateGroup = Schemas["DuplicateGroup"];
export type SearchQuery = Schemas["SearchQuery"];
export type SearchReply = Schemas["SearchReply"];
export type Filters = Schemas["Filters"];
export type Facet = Schemas["Facet"];
export type Bulk = Omit<Schemas["Bulk"], "undo">;
export type Undoing = Schemas["Undoing"];
export type CollectionInfo = Schemas["CollectionInfo"];
export type SavedSearch = Schemas["SavedSearch"];
export type Uploads = Schemas["Uploads"];
export type UploadedFile = Schemas["UploadedFile"];
export type BegunRound = Schemas["BegunRound"];
export type AnsweredRound = Schemas["AnsweredRound"];
export type FolderNode = Schemas["FolderLevel"]["folders"][number];
export type Suggestion = Schemas["SuggestedText"];
export type Facets = Schemas["Facets"];
export type SimilarityMap = Schemas["Map"];
export type MapArea = Schemas["MapArea"];

export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    /** When to ask again, if the reply says so. */
    readonly retryAfterS: number | null = null,
    /** The same facts as in the message, for a program. */
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

export const client = createClient<paths>({
  baseUrl: "",
  fetch: fetchOrEarly,
  querySerializer: { array: { style: "form", explode: true } },
});

interface Reply<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** What was asked for. Throws ApiError; an abort stays an abort. */
export async function answer<Data>(request: Promise<Reply<Data>>): Promise<Data> {
  let reply: Reply<Data>;
  try {
    reply = await request;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("OFFLINE", t.states.offline, 0);
  }
  if (reply.response.ok) return reply.data as Data;
  throw refusal(reply.error, reply.response.status, reply.response.headers.get("Retry-After"));
}

/** What a reply that refuses says, by its body, its status and its header Retry-After. */
export function refusal(body: unknown, status: number, retryAfter: string | null): ApiError {
  const said = (body as { error?: { code?: string; message?: string; details?: Record<string, unknown> } } | null | undefined)?.error;
  const message = (said?.message ?? t.states.answeredWith(status)).replaceAll("`", "");
  return new ApiError(said?.code ?? "INTERNAL", message, status, secondsIn(retryAfter), said?.details);
}

const secondsIn = (text: string | null): number | null => (text && /^\d+(\.\d+)?$/.test(text) ? Number(text) : null);

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError("INTERNAL", String((error as Error)?.message ?? error), 0);
}

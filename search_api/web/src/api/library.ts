// What the library holds and what is done to it: queries that several views share.

import { useDocumentVisibility } from "@mantine/hooks";
import { queryOptions, skipToken, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";

import { answer, client, type Job } from "./client";

const FRESH_MS = 1000;
const IDLE_MS = 5000;
const BUSY_MS = 2500;

export const statusOptions = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/status", { signal })),
  staleTime: FRESH_MS,
  refetchInterval: (query) => (query.state.data?.job ? BUSY_MS : IDLE_MS),
  refetchOnWindowFocus: "always",
  retry: false,
});

export const useStatus = () => useQuery(statusOptions);

export const foldersOptions = queryOptions({
  queryKey: ["folders"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/folders", { signal })),
});

export const facetsOptions = queryOptions({
  queryKey: ["facets"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/browse/facets", { signal })),
  staleTime: 30_000,
});

export const collectionsOptions = queryOptions({
  queryKey: ["collections"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/collections", { signal })),
  staleTime: 30_000,
});

export const photoOptions = (photoId: string) =>
  queryOptions({
    queryKey: ["photo", photoId],
    queryFn: ({ signal }) =>
      answer(client.GET("/api/v1/images/{photo_id}", { params: { path: { photo_id: photoId } }, signal })),
    staleTime: 10_000,
  });

/** What a person gave to the photo. */
export const tagsOptions = (photoId: string) =>
  queryOptions({
    queryKey: ["tags", photoId],
    queryFn: ({ signal }) =>
      answer(client.GET("/api/v1/images/{photo_id}/tags", { params: { path: { photo_id: photoId } }, signal })),
  });

export const similarOptions = (photoId: string) =>
  queryOptions({
    queryKey: ["similar", photoId],
    queryFn: ({ signal }) =>
      answer(
        client.GET("/api/v1/images/{photo_id}/similar", {
          params: { path: { photo_id: photoId }, query: { limit: 12 } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });

export const stackOptions = (photoId: string) =>
  queryOptions({
    queryKey: ["stack", photoId],
    queryFn: ({ signal }) =>
      answer(client.GET("/api/v1/images/{photo_id}/stack", { params: { path: { photo_id: photoId } }, signal })),
  });

export const sessionOptions = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/session", { signal })),
  staleTime: 60_000,
});

/** Whether the person at this browser may do something. */
export function useMay(scope: "read" | "write" | "admin"): boolean {
  const { data } = useQuery(sessionOptions);
  return data?.scopes.includes(scope) ?? false;
}

/** States in which nobody works on a job any more. */
export const ENDED: ReadonlySet<string> = new Set(["done", "failed", "cancelled", "paused"]);

const liveOptions = queryOptions<Job | null>({ queryKey: ["live-job"], queryFn: skipToken });
const EVENTS_AGAIN_MS = 10_000;

/** The run that works now: as its events tell it, else as it was polled. */
export function useJob(): Job | null {
  const { data: status } = useStatus();
  const { data: told } = useQuery(liveOptions);
  const polled = status?.job ?? null;
  return polled && told?.job_id === polled.job_id ? told : polled;
}

/** Listens to the events of the run that works now; used once. */
export function useJobEvents(): void {
  const queries = useQueryClient();
  const tell = useCallback((job: Job | null) => queries.setQueryData(liveOptions.queryKey, job), [queries]);
  const onEnd = useCallback(() => {
    for (const key of ["status", "jobs", "folders"]) void queries.invalidateQueries({ queryKey: [key] });
  }, [queries]);
  useEvents(useStatus().data?.job?.job_id, tell, onEnd);
}

/** A job that was begun here, as its events tell it; as it was begun until the first of them. */
export function useFollowed(job: Job | null, onEnd: () => void): Job | null {
  const [told, setTold] = useState<Job | null>(null);
  useEvents(job?.job_id, setTold, onEnd);
  return job && told?.job_id === job.job_id ? told : job;
}

/** A browser opens only six connections to an address, over all its tabs: a page that nobody looks at listens to nothing.
 * Null is told when nothing is heard any more, so that what is polled is seen. */
function useEvents(jobId: string | undefined, tell: (job: Job | null) => void, onEnd: () => void): void {
  const visible = useDocumentVisibility() === "visible";
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!jobId || !visible) return;
    const stream = new EventSource(`/api/v1/jobs/${encodeURIComponent(jobId)}/events`);
    let again = 0;
    stream.addEventListener("progress", (event) => tell(JSON.parse(event.data) as Job));
    stream.addEventListener("end", () => {
      stream.close();
      onEnd();
    });
    stream.addEventListener("error", () => {
      stream.close();
      again = window.setTimeout(() => setAttempt((before) => before + 1), EVENTS_AGAIN_MS);
      tell(null);
    });
    return () => {
      stream.close();
      window.clearTimeout(again);
      tell(null);
    };
  }, [jobId, visible, attempt, tell, onEnd]);
}

// What the library holds and what is done to it: queries that several views share.

import { queryOptions, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { answer, client, type Job } from "./client";

const IDLE_MS = 5000;
const BUSY_MS = 2500;

export const statusOptions = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/status", { signal })),
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

/** Whether the person at this browser may do something. */
export function useMay(scope: "read" | "write" | "admin"): boolean {
  const { data } = useQuery({
    queryKey: ["session"],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/session", { signal })),
    staleTime: 60_000,
  });
  return data?.scopes.includes(scope) ?? false;
}

/** States in which nobody works on a job any more. */
export const ENDED: ReadonlySet<string> = new Set(["done", "failed", "cancelled", "paused"]);

/** A job as its events tell it; the polled one until the first event. */
export function useFollowed(job: Job | null | undefined, onEnd: () => void): Job | null {
  const [told, setTold] = useState<Job | null>(null);
  const jobId = job?.job_id;
  useEffect(() => {
    if (!jobId) return;
    const stream = new EventSource(`/api/v1/jobs/${encodeURIComponent(jobId)}/events`);
    stream.addEventListener("progress", (event) => setTold(JSON.parse(event.data) as Job));
    stream.addEventListener("end", () => {
      stream.close();
      onEnd();
    });
    // The poll goes on, so a broken stream costs only smoothness.
    stream.addEventListener("error", () => stream.close());
    return () => stream.close();
  }, [jobId, onEnd]);
  if (!job) return null;
  return told?.job_id === job.job_id ? told : job;
}

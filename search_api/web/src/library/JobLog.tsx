// What was written down of a run, line by line, and where Dagster shows it.

import { Anchor, Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { answer, client } from "../api/client";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { clock } from "../wording";

const PAGE = 200;
const LOOK_MS = 3000;

/** Dagster listens on the machine itself alone. */
const HERE = ["localhost", "127.0.0.1", "[::1]"].includes(window.location.hostname);

export function JobLog({ jobId, live, name }: { jobId: string; live: boolean; name: string }) {
  const asked = useInfiniteQuery({
    queryKey: ["job-log", jobId],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(pageParam && { cursor: pageParam }) };
      return answer(client.GET("/api/v1/jobs/{job_id}/logs", { params: { path: { job_id: jobId }, query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (last) => (last.more ? last.cursor : undefined),
    refetchInterval: live ? LOOK_MS : false,
  });
  const { data, hasNextPage, fetchNextPage, isFetchingNextPage } = asked;
  const [details, setDetails] = useState(false);
  const all = data?.pages.flatMap((page) => page.lines) ?? [];
  const lines = all
    .map((line) => ({ at: line.at, level: line.level, text: (details ? line.message.trim() : line.said) || null }))
    .filter((line) => line.text !== null);
  const address = data?.pages[0]?.dagster_url;
  if (!data) return <Trouble of={asked} />;
  return (
    <section className="log" aria-label={t.activity.logOf(name)}>
      <Trouble of={asked} />
      {lines.length === 0 && <p className="muted">{t.activity.noLines}</p>}
      {lines.length > 0 && (
        <ol tabIndex={0} aria-label={t.activity.logOf(name)} className={details ? "technical" : undefined}>
          {lines.map((line, at) => (
            <li key={at} className={line.level.toLowerCase()}>
              <time>{clock(line.at)}</time>
              <span>{line.text}</span>
            </li>
          ))}
        </ol>
      )}
      {all.length > 0 && (
        <Button size="compact-sm" variant="subtle" color="gray" aria-pressed={details} onClick={() => setDetails(!details)}>
          {t.activity.details}
        </Button>
      )}
      {hasNextPage && (
        <Button size="compact-sm" variant="subtle" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {t.duplicates.more}
        </Button>
      )}
      {HERE && address && (
        <Anchor size="sm" href={address} target="_blank" rel="noopener noreferrer">
          {t.activity.inDagster}
        </Anchor>
      )}
    </section>
  );
}

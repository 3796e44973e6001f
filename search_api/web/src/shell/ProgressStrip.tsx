// The strip below the top bar: how much can be searched, how fast it goes, how long it takes.

import { Button, Progress } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { answer, asApiError, client, type Job, type Status } from "../api/client";
import { ENDED, statusOptions, useJob, useJobEvents, useStatus } from "../api/library";
import { t } from "../texts";
import { duration } from "../wording";

const STOPPED_SAID_MS = 20_000;

export function ProgressStrip() {
  const { data: status } = useStatus();
  const queries = useQueryClient();
  useJobEvents();
  const job = useJob();
  const [stopped, setStopped] = useState(false);
  const [said, setSaid] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    if (!stopped) return;
    const timer = window.setTimeout(() => setStopped(false), STOPPED_SAID_MS);
    return () => window.clearTimeout(timer);
  }, [stopped]);
  useEffect(() => setSaid(null), [job?.job_id]);

  const [busy, setBusy] = useState(false);

  if (!status) return null;
  const paused = Boolean(status.paused_at);
  const pauseOrResume = async () => {
    setBusy(true);
    try {
      await answer(paused ? client.POST("/api/v1/ingest/resume") : client.POST("/api/v1/ingest/pause"));
      await queries.invalidateQueries({ queryKey: statusOptions.queryKey });
    } catch (error) {
      setSaid(asApiError(error).message);
    } finally {
      setBusy(false);
    }
  };
  const pauseButton = (
    <Button size="compact-sm" variant="subtle" color="gray" onClick={() => void pauseOrResume()} disabled={busy}>
      {paused ? t.progress.resume : t.progress.pause}
    </Button>
  );
  if (!job || ENDED.has(job.state)) {
    if (paused) {
      return (
        <section className="strip still" aria-label={t.progress.label}>
          <div className="strip-text">
            <strong>{t.progress.paused}</strong>
            <span>{said ?? t.progress.pausedNote}</span>
            {pauseButton}
          </div>
        </section>
      );
    }
    return stopped ? (
      <section className="strip still" aria-label={t.progress.label} role="status">
        <div className="strip-text">
          <strong>{t.progress.stopped}</strong>
          <span>{leftToDo(status)}</span>
        </div>
      </section>
    ) : null;
  }
  const stop = async () => {
    setAsking(true);
    try {
      await answer(client.POST("/api/v1/jobs/{job_id}/cancel", { params: { path: { job_id: job.job_id } } }));
      setStopped(true);
      setSaid(t.progress.stopping);
      for (const key of ["status", "jobs"]) void queries.invalidateQueries({ queryKey: [key] });
    } catch (error) {
      setSaid(asApiError(error).message);
    } finally {
      setAsking(false);
    }
  };
  const behind = status.searchable < status.total;
  const [done, total] = behind ? [status.searchable, status.total] : [job.done, job.total];
  return (
    <section className="strip" aria-label={t.progress.label}>
      <div className="strip-text">
        <strong>{behind ? t.progress.searchable(status.searchable, status.total) : stageName(job)}</strong>
        <span>{said ?? detail(job, status, behind)}</span>
        <Button size="compact-sm" variant="subtle" color="gray" onClick={() => void stop()} disabled={asking}>
          {t.progress.stop}
        </Button>
        {pauseButton}
      </div>
      <Progress
        size={3}
        radius={0}
        value={total > 0 ? (100 * done) / total : 100}
        animated={total === 0}
        aria-label={t.progress.label}
      />
    </section>
  );
}

const stageName = (job: Job): string =>
  job.state === "queued" ? t.progress.queued : (t.progress.stages[job.stage ?? ""] ?? t.progress.working);

function detail(job: Job, status: Status, behind: boolean): string {
  const parts = [
    job.eta_s ? t.progress.left(duration(job.eta_s)) : null,
    behind ? (t.progress.stages[job.stage ?? ""] ?? null) : null,
    (job.photos_per_s ?? 0) >= 0.1 ? t.progress.rate(job.photos_per_s ?? 0) : null,
    !job.stage && status.waiting > 0 ? t.progress.toRead(status.waiting) : null,
  ];
  return parts.filter(Boolean).join(" · ");
}

/** What waits, and that nobody has to do anything about it. */
function leftToDo(status: Status): string {
  const counts: [number, (count: number) => string][] = [
    [status.waiting, t.progress.toRead],
    [status.waiting_embeddings, t.progress.toEmbed],
    [status.waiting_captions, t.progress.toCaption],
  ];
  const left = counts.filter(([count]) => count > 0);
  if (left.length === 0) return t.progress.nothingLeft;
  const single = left.length === 1 && left[0]?.[0] === 1;
  return t.progress.leftOver(
    left.map(([count, say]) => say(count)),
    single,
  );
}

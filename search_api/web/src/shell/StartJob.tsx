// A button that begins a run, and how the run goes in its place.

import { Button, Progress } from "@mantine/core";
import { useCallback, useEffect, useRef, useState } from "react";

import { asApiError, type Job } from "../api/client";
import { ENDED, useFollowed, useJob, useMay } from "../api/library";
import { t } from "../texts";

interface Props {
  /** Of the run: one that works already, begun wherever, is shown too. */
  kind: string;
  label: string;
  /** What is said while it works. */
  working: string;
  start: () => Promise<Job>;
  onEnd: () => void;
  quiet?: boolean;
}

export function StartJob({ kind, label, working, start, onEnd, quiet = false }: Props) {
  const may = useMay("write");
  const [job, setJob] = useState<Job | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const latest = useRef(onEnd);
  useEffect(() => {
    latest.current = onEnd;
  });
  const ended = useCallback(() => latest.current(), []);
  const running = useJob();
  useEffect(() => {
    if (running?.kind === kind && !ENDED.has(running.state))
      setJob((before) => (before?.job_id === running.job_id ? before : running));
  }, [running, kind]);
  const now = useFollowed(job, ended);
  // Where the button was that had the focus.
  const begun = useRef(false);
  const place = useCallback((element: HTMLElement | null) => {
    if (!element || !begun.current) return;
    begun.current = false;
    const at = document.activeElement;
    if (!at || at === document.body) element.focus({ preventScroll: true });
  }, []);
  const begin = async () => {
    setAsking(true);
    setSaid(null);
    try {
      begun.current = true;
      setJob(await start());
    } catch (error) {
      begun.current = false;
      setSaid(asApiError(error).message);
    } finally {
      setAsking(false);
    }
  };
  if (!may) return null;
  if (now && !ENDED.has(now.state)) {
    return (
      <div ref={place} className="job-begun" role="status" tabIndex={-1}>
        <p>{now.state === "queued" ? t.progress.queued : working}</p>
        <Progress size={4} value={now.total > 0 ? (100 * now.done) / now.total : 100} animated={now.total === 0} aria-label={working} />
      </div>
    );
  }
  const failed = said ?? (now?.state === "failed" ? (now.error_message ?? t.states.failed) : null);
  return (
    <>
      <Button size={quiet ? "compact-sm" : "md"} variant={quiet ? "default" : "filled"} loading={asking} onClick={() => void begin()}>
        {label}
      </Button>
      {failed && (
        <p className="state" role="alert">
          {failed}
        </p>
      )}
    </>
  );
}

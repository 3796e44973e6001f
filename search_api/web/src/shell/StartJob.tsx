// A button that begins a run, and how the run goes in its place.

import { Button, Progress } from "@mantine/core";
import { useCallback, useEffect, useRef, useState } from "react";

import { asApiError, type Job } from "../api/client";
import { ENDED, useFollowed, useMay } from "../api/library";
import { t } from "../texts";

interface Props {
  label: string;
  /** What is said while it works. */
  working: string;
  start: () => Promise<Job>;
  onEnd: () => void;
  quiet?: boolean;
}

export function StartJob({ label, working, start, onEnd, quiet = false }: Props) {
  const may = useMay("write");
  const [job, setJob] = useState<Job | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const latest = useRef(onEnd);
  useEffect(() => {
    latest.current = onEnd;
  });
  const ended = useCallback(() => latest.current(), []);
  const now = useFollowed(job, ended);
  const begin = async () => {
    setAsking(true);
    setSaid(null);
    try {
      setJob(await start());
    } catch (error) {
      setSaid(asApiError(error).message);
    } finally {
      setAsking(false);
    }
  };
  if (!may) return null;
  if (now && !ENDED.has(now.state)) {
    return (
      <div className="job-begun" role="status">
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

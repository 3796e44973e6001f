// What is done to the library, and what was: every run with its stages, rate and end.

import { Button, Progress } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";

import { answer, asApiError, client, type Job } from "../api/client";
import { ENDED, statusOptions, useJob } from "../api/library";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { capital, duration, moment } from "../wording";

const JobLog = lazy(() => import("./JobLog").then((module) => ({ default: module.JobLog })));

export function Activity() {
  const working = useJob();
  const asked = useQuery({
    queryKey: ["jobs"],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/jobs", { params: { query: { limit: 50 } }, signal })),
    refetchInterval: working ? 4000 : 15_000,
  });
  const { data } = asked;
  if (!data) return <Trouble of={asked} />;
  if (data.jobs.length === 0) return <p className="muted">{t.activity.none}</p>;
  return (
    <>
      <Trouble of={asked} />
      <ul className="jobs">
        {data.jobs.map((job) => (
          <Row key={job.job_id} job={working?.job_id === job.job_id && !ENDED.has(job.state) ? working : job} />
        ))}
      </ul>
    </>
  );
}

function Row({ job }: { job: Job }) {
  const queries = useQueryClient();
  const [said, setSaid] = useState<string | null>(null);
  const [log, setLog] = useState(false);
  const live = !ENDED.has(job.state);
  const name = t.activity.kinds[job.kind] ?? capital(job.kind.replaceAll("_", " "));
  const stop = async () => {
    try {
      await answer(client.POST("/api/v1/jobs/{job_id}/cancel", { params: { path: { job_id: job.job_id } } }));
      setSaid(t.progress.stopping);
    } catch (problem) {
      setSaid(asApiError(problem).message);
    }
    void queries.invalidateQueries({ queryKey: statusOptions.queryKey });
    void queries.invalidateQueries({ queryKey: ["jobs"] });
  };
  const again = async () => {
    try {
      await answer(client.POST("/api/v1/jobs/{job_id}/retry", { params: { path: { job_id: job.job_id } } }));
      setSaid(t.activity.begunAgain);
    } catch (problem) {
      setSaid(asApiError(problem).message);
    }
    void queries.invalidateQueries({ queryKey: statusOptions.queryKey });
    void queries.invalidateQueries({ queryKey: ["jobs"] });
  };
  const seconds =
    job.ended_at && job.started_at ? (Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000 : null;
  const line = [
    job.target,
    t.activity.began(moment(job.started_at ?? job.created_at)),
    seconds !== null && t.activity.took(duration(seconds)),
    live && (job.photos_per_s ?? 0) >= 0.1 && t.progress.rate(job.photos_per_s ?? 0),
    live && job.eta_s && t.progress.left(duration(job.eta_s)),
  ];
  return (
    <li className={`job ${job.state}`}>
      <div className="job-head">
        <h2>{name}</h2>
        <span className={`tag ${job.state}`}>{t.activity.states[job.state] ?? job.state}</span>
        <Button
          size="compact-sm"
          variant="subtle"
          color="gray"
          aria-label={t.activity.logOf(name)}
          aria-expanded={log}
          onClick={() => setLog(!log)}
        >
          {t.activity.log}
        </Button>
        {(job.state === "failed" || job.state === "cancelled") && (
          <Button size="compact-sm" variant="default" aria-label={t.activity.again(name)} onClick={() => void again()}>
            {t.tryAgain}
          </Button>
        )}
        {live && (
          <Button size="compact-sm" variant="default" aria-label={t.activity.stop(name)} onClick={() => void stop()}>
            {t.progress.stop}
          </Button>
        )}
      </div>
      <p className="muted">{line.filter(Boolean).join(" · ")}</p>
      {job.error_message && ["failed", "done"].includes(job.state) && <p className="state">{job.error_message}</p>}
      {said && <p role="status">{said}</p>}
      {log && (
        <Suspense fallback={null}>
          <JobLog jobId={job.job_id} live={live} name={name} />
        </Suspense>
      )}
      {live && (
        <div className="stages">
          {Object.entries(job.stages).map(([stage, { done, total }]) => {
            const label = t.activity.stage(t.progress.stages[stage] ?? capital(stage), done, total);
            return (
              <div key={stage}>
                <p>{label}</p>
                <Progress size="sm" value={total > 0 ? (100 * done) / total : 0} aria-label={label} />
              </div>
            );
          })}
        </div>
      )}
    </li>
  );
}

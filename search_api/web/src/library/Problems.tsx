// Files that could not be read, by kind, with their reason and what to do.

import { Button } from "@mantine/core";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { answer, asApiError, client, type Failure, type FailureStage, type RetryFailures } from "../api/client";
import { statusOptions, useStatus } from "../api/library";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { moment, nameOf } from "../wording";
import { FileName, Kind } from "./Kind";

type Which = Partial<RetryFailures>;

export function Problems({ under }: { under?: string }) {
  const queries = useQueryClient();
  const [said, setSaid] = useState("");
  const [busy, setBusy] = useState(false);
  const asked = useQuery({
    queryKey: ["failures", under ?? null],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/failures", { params: { query: { under, limit: 1 } }, signal })),
    placeholderData: keepPreviousData,
  });
  const { data } = asked;
  useRefreshed(() => setSaid(""));
  const retry = async (which: Which) => {
    setBusy(true);
    try {
      const { retried, note } = await answer(client.POST("/api/v1/failures/retry", { body: which as RetryFailures }));
      setSaid(note ? t.problems.later(retried, note.replaceAll("`", "")) : t.problems.now(retried));
    } catch (problem) {
      setSaid(asApiError(problem).message);
    } finally {
      setBusy(false);
      await queries.invalidateQueries({ queryKey: ["failures"] });
      void queries.invalidateQueries({ queryKey: statusOptions.queryKey });
    }
  };
  return (
    <>
      <p role="status" className="said">
        {said}
      </p>
      <Trouble of={asked} />
      {data?.total === 0 && <p className="muted">{t.problems.none}</p>}
      {data && data.total > 0 && (
        <>
          <div className="intro">
            <p>{sentence(data.by_stage)}</p>
            {data.by_code.length > 1 && (
              <Button variant="default" disabled={busy} onClick={() => void retry(under ? { under } : { all: true })}>
                {t.problems.all}
              </Button>
            )}
          </div>
          {data.by_code.map((kind) => (
            <Kind<Failure>
              key={kind.code}
              title={kind.meaning}
              count={kind.count}
              advice={kind.advice}
              queryKey={["failures", under ?? null, kind.code]}
              actions={
                <Button
                  size="compact-sm"
                  variant="default"
                  disabled={busy}
                  onClick={() => void retry({ codes: [kind.code], ...(under && { under }) })}
                >
                  {t.problems.these(kind.count)}
                </Button>
              }
              load={async (offset, limit, signal) => {
                const query = { code: [kind.code], under, limit, offset };
                return (await answer(client.GET("/api/v1/failures", { params: { query }, signal }))).failures;
              }}
              row={(failure) => (
                <li key={failure.id}>
                  <div>
                    <FileName
                      path={failure.path}
                      after={failure.stage === "file_inventory" ? "/" : failure.page > 1 ? t.problems.page(failure.page) : ""}
                    />
                    <p>{failure.message}</p>
                    {failure.attempts > 1 && (
                      <p className="muted">{t.problems.tried(failure.attempts, moment(failure.last_at))}</p>
                    )}
                    {failure.retried && <p className="muted">{t.problems.waits}</p>}
                  </div>
                  {kind.count > 1 && !failure.retried && (
                    <Button
                      size="compact-sm"
                      variant="subtle"
                      color="gray"
                      disabled={busy}
                      aria-label={t.problems.one(nameOf(failure.path))}
                      onClick={() => void retry({ ids: [failure.id] })}
                    >
                      {t.tryAgain}
                    </Button>
                  )}
                </li>
              )}
            />
          ))}
        </>
      )}
    </>
  );
}

/** Asks for the list again when files were tried since; what was said of a run goes with its end. */
function useRefreshed(onEnd: () => void): void {
  const queries = useQueryClient();
  const { data: status } = useStatus();
  const now = status && { failures: status.failures, ended: status.last_job?.job_id };
  const before = useRef(now);
  useEffect(() => {
    const was = before.current;
    before.current = now;
    if (!was || !now) return;
    if (was.ended !== now.ended) onEnd();
    if (was.ended !== now.ended || was.failures !== now.failures) void queries.invalidateQueries({ queryKey: ["failures"] });
  });
}

/** What could not be done, by the kind of work: "1 folder and 3 files could not be read." */
function sentence(stages: FailureStage[]): string {
  const count = (...names: string[]) =>
    stages.filter((each) => names.includes(each.stage)).reduce((sum, each) => sum + each.count, 0);
  const folders = count("file_inventory");
  const files = count("decoded_images");
  const unseen = count("embeddings", "captions");
  const sidecars = count("sidecars");
  return [
    folders + files > 0 && t.problems.unread(folders, files),
    unseen > 0 && t.problems.unseen(unseen),
    sidecars > 0 && t.problems.sidecars(sidecars),
    t.problems.unchanged,
  ]
    .filter(Boolean)
    .join(" ");
}

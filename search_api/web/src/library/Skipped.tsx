// Files beside photos that are left out on purpose, by reason.

import { useQuery } from "@tanstack/react-query";

import { answer, client, type SkippedFile } from "../api/client";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { capital } from "../wording";
import { FileName, Kind } from "./Kind";

export function Skipped({ under }: { under?: string }) {
  const asked = useQuery({
    queryKey: ["skipped", under ?? null],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/skipped", { params: { query: { under, limit: 1 } }, signal })),
  });
  const { data } = asked;
  if (!data) return <Trouble of={asked} />;
  if (data.total === 0) return <p className="muted">{t.skipped.none}</p>;
  return (
    <>
      <Trouble of={asked} />
      <div className="intro">
        <p>{t.skipped.intro(data.total)}</p>
      </div>
      {data.by_reason.map(({ reason, count }) => (
        <Kind<SkippedFile>
          key={reason}
          title={capital(reason)}
          count={count}
          advice={t.skipped.reasons[reason]}
          queryKey={["skipped", under ?? null, reason]}
          load={async (offset, limit, signal) => {
            const query = { reason: [reason], under, limit, offset };
            return (await answer(client.GET("/api/v1/skipped", { params: { query }, signal }))).files;
          }}
          row={(file) => (
            <li key={file.path}>
              <FileName path={file.path} />
            </li>
          )}
        />
      ))}
    </>
  );
}

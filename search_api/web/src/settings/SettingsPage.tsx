// How the page looks, and what the library and its models are.

import { SegmentedControl, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";

import { Link } from "wouter";

import { answer, client } from "../api/client";
import { useStatus } from "../api/library";
import { t } from "../texts";
import { number } from "../wording";

export function SettingsPage() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { data: status } = useStatus();
  const { data: health } = useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/health/live", { signal })),
  });
  useEffect(() => {
    document.title = `${t.settings.title} · ${t.brand}`;
  }, []);
  const s = t.settings;
  const behind = status ? status.index.newest_seq - (status.index.applied_seq ?? status.index.newest_seq) : 0;
  return (
    <main id="content" tabIndex={-1} className="page">
      <div className="page-head">
        <h1>{s.title}</h1>
      </div>
      <Section title={s.appearance}>
        <SegmentedControl
          aria-label={s.appearance}
          value={colorScheme}
          onChange={(value) => setColorScheme(value as "auto" | "light" | "dark")}
          data={Object.entries(s.schemes).map(([value, label]) => ({ value, label }))}
        />
      </Section>
      {status && (
        <>
          <Section title={s.library}>
            <Numbers
              rows={[
                [s.photos, number(status.photos)],
                [s.files, number(status.files)],
                [s.searchable, t.progress.of(status.searchable, status.total)],
                [s.described, number(status.captions)],
                [s.missing, number(status.missing)],
                [t.library.sections.problems, number(status.failures)],
              ]}
            />
          </Section>
          <Section title={s.models}>
            {status.models.length === 0 ? (
              <p className="muted">{s.noModel}</p>
            ) : (
              <Numbers rows={status.models.map((model) => [s.modelKinds[model.kind], `${model.name} · ${s.seen(model.results)}`])} />
            )}
            {status.models.some((model) => model.kind === "clip") && (
              <p>
                <Link href="/test-me">{t.challenge.title}</Link> <span className="muted">{t.challenge.short}</span>
              </p>
            )}
            {status.named_model && <p className="muted">{s.named(status.named_model)}</p>}
          </Section>
          <Section title={s.index}>
            <p>
              {s.indexStates[status.index.state]}
              {behind > 0 && ` · ${s.behind(behind)}`}
            </p>
          </Section>
        </>
      )}
      {health && (
        <p className="muted">
          {t.brand} {health.version}
        </p>
      )}
    </main>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="setting">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Numbers({ rows }: { rows: [string, string][] }) {
  return (
    <dl className="known">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

// The library: its folders, what is done to it, and the files that need a look.

import { Anchor, Badge, Tabs } from "@mantine/core";
import { Fragment, type ReactNode, useEffect } from "react";
import { Link } from "wouter";

import { useView } from "../address";
import type { Status } from "../api/client";
import { useStatus } from "../api/library";
import { t } from "../texts";
import { address } from "../view";
import { number } from "../wording";
import { Activity } from "./Activity";
import { FolderList } from "./Folders";
import { Problems } from "./Problems";
import { Removed } from "./Removed";
import { Skipped } from "./Skipped";
import { Warnings } from "./Warnings";

const SECTIONS = ["folders", "activity", "problems", "warnings", "skipped", "removed"] as const;
type Section = (typeof SECTIONS)[number];

export function LibraryPage({ section }: { section: string }) {
  const { view, go, show } = useView();
  const { data: status } = useStatus();
  const current: Section = SECTIONS.find((name) => name === section) ?? "folders";
  useEffect(() => {
    document.title = `${t.library.sections[current]} · ${t.brand}`;
  }, [current]);
  const counts: Partial<Record<Section, number>> = {
    problems: status?.failures,
    warnings: status?.warned,
    skipped: status?.skipped,
  };
  const narrowed = view.under && ["problems", "warnings", "skipped"].includes(current);
  return (
    <main id="content" tabIndex={-1} className="page">
      <div className="page-head">
        <h1>{t.library.title}</h1>
      </div>
      <Tabs
        value={current}
        onChange={(next) => go(next === "folders" ? "/library" : `/library/${next}`, view.under ? { under: view.under } : {})}
        keepMounted={false}
      >
        <Tabs.List aria-label={t.library.label} className="sections">
          {SECTIONS.map((name) => (
            <Tabs.Tab
              key={name}
              value={name}
              rightSection={
                counts[name] === undefined ? null : (
                  <Badge size="sm" variant="default" className="count">
                    {number(counts[name])}
                  </Badge>
                )
              }
            >
              {t.library.sections[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {narrowed && (
          <p className="narrowed">
            {t.library.narrowed(view.under ?? "")}{" "}
            <Anchor component="button" type="button" size="sm" onClick={() => show({ under: null })}>
              {t.library.everywhere}
            </Anchor>
          </p>
        )}
        <Tabs.Panel value="folders">
          {status && <Sum status={status} />}
          <FolderList />
        </Tabs.Panel>
        <Tabs.Panel value="activity">
          <Activity />
        </Tabs.Panel>
        <Tabs.Panel value="problems">
          <Problems under={view.under} />
        </Tabs.Panel>
        <Tabs.Panel value="warnings">
          <Warnings under={view.under} />
        </Tabs.Panel>
        <Tabs.Panel value="skipped">
          <Skipped under={view.under} />
        </Tabs.Panel>
        <Tabs.Panel value="removed">
          <Removed />
        </Tabs.Panel>
      </Tabs>
    </main>
  );
}

/** What became of the files: each number leads to where it is shown. */
function Sum({ status }: { status: Status }) {
  const parts: [number, (count: number) => string, string | null][] = [
    [status.photos, t.library.photos, address({}, { stacks: "all" })],
    [status.hidden, t.library.removedOf, "/library/removed"],
    [status.copies, t.library.copies, "/duplicates"],
    [status.failures, t.library.unread, "/library/problems"],
    [status.skipped, t.library.leftOut, "/library/skipped"],
    [status.waiting, t.library.stillToRead, null],
  ];
  if (status.files === 0) return null;
  const said = parts
    .filter(([count]) => count > 0)
    .map(([count, say, href]): ReactNode => (href ? <Link href={href}>{say(count)}</Link> : say(count)));
  return (
    <p className="sum">
      {t.library.files(status.files)}
      {said.map((part, at) => (
        <Fragment key={at}>
          {" · "}
          {part}
        </Fragment>
      ))}
    </p>
  );
}

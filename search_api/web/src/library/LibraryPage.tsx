// The library: its folders, what is done to it, and the files that need a look.

import { Anchor, Badge, Tabs } from "@mantine/core";
import { useEffect } from "react";

import { useView } from "../address";
import { useStatus } from "../api/library";
import { t } from "../texts";
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

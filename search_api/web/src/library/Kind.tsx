// Files of one kind, page by page: the first now, the next when asked for.

import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";

import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { folderOf, nameOf, number } from "../wording";

const PAGE = 50;

interface Props<Row> {
  title: string;
  count: number;
  advice?: string;
  actions?: ReactNode;
  queryKey: unknown[];
  load: (offset: number, limit: number, signal: AbortSignal) => Promise<Row[]>;
  row: (row: Row) => ReactNode;
}

export function Kind<Row>({ title, count, advice, actions, queryKey, load, row }: Props<Row>) {
  const titleId = useId();
  const asked = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => load(pageParam, PAGE, signal),
    initialPageParam: 0,
    getNextPageParam: (last: Row[], all: Row[][]) => {
      const shown = all.reduce((sum, page) => sum + page.length, 0);
      return last.length > 0 && shown < count ? shown : undefined;
    },
  });
  const { data, hasNextPage, fetchNextPage, isFetchingNextPage } = asked;
  const rows = data?.pages.flat() ?? [];
  return (
    <section className="kind" aria-labelledby={titleId}>
      <div className="kind-head">
        <h2 id={titleId}>
          {title} <span className="count">{number(count)}</span>
        </h2>
        {actions}
      </div>
      {advice && <p className="muted">{advice.replaceAll("`", "")}</p>}
      <Trouble of={asked} />
      <ul className="files">{rows.map(row)}</ul>
      {hasNextPage && (
        <Button variant="subtle" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {t.library.more(count - rows.length)}
        </Button>
      )}
    </section>
  );
}

/** A file's name, and the folder it stands in. */
export function FileName({ path, after = "" }: { path: string; after?: string }) {
  return (
    <p className="file">
      <strong>{nameOf(path) + after}</strong> <code>{folderOf(path)}</code>
    </p>
  );
}

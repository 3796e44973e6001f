// The library's folders, opened one by one; one of them can be chosen. Keys as in every tree: arrows, Home, End, Enter.

import { useQuery } from "@tanstack/react-query";
import { ChevronRight, Folder as Shut, FolderOpen } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";

import { useView } from "../address";
import { answer, client, type Facet, type FolderNode } from "../api/client";
import { t } from "../texts";
import { number } from "../wording";

const levelOptions = (parent: string | null) => ({
  queryKey: ["facets", "folders", parent],
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    answer(client.GET("/api/v1/browse/folders", { params: { query: parent === null ? {} : { parent } }, signal })),
  staleTime: 30_000,
});

interface Tree {
  open: ReadonlySet<string>;
  toggle: (path: string, open: boolean) => void;
  chosen: string | undefined;
  choose: (path: string) => void;
  /** The one that can be tabbed to. */
  active: string | null;
  countOf: (folder: FolderNode) => number;
}

// Where there are more, some have no count below filters: the API counts 2,000, those above the watched ones among them.
const MOST_COUNTED = 1900;

/** `found`: how many photos of each folder the other filters and the query leave. */
export function FolderTree({ found }: { found: readonly Facet[] | undefined }) {
  const { view, show } = useView();
  const { data } = useQuery(levelOptions(null));
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const chosen = view.folder;
  // The way to the chosen folder stands open.
  useEffect(() => {
    if (chosen) setOpen((before) => new Set([...before, ...waysTo(chosen)]));
  }, [chosen]);
  const first = data?.folders[0]?.path ?? null;
  useEffect(() => {
    if (data?.folders.length === 1 && first) setOpen((before) => new Set([...before, first]));
  }, [data?.folders.length, first]);
  if (!data || data.folders.length === 0) return <p className="muted">{t.library.noFolder}</p>;

  const toggle = (path: string, wanted: boolean) =>
    setOpen((before) => {
      const next = new Set(before);
      if (wanted) next.add(path);
      else next.delete(path);
      return next;
    });
  const choose = (path: string) => show({ folder: path === chosen ? null : path });
  const onKeyDown = (event: KeyboardEvent<HTMLUListElement>) => {
    const item = (event.target as HTMLElement).closest<HTMLElement>("[role=treeitem]");
    const path = item?.dataset.path;
    if (!item || path === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const items = [...(list.current?.querySelectorAll<HTMLElement>("[role=treeitem]") ?? [])];
    const at = items.indexOf(item);
    const expanded = item.getAttribute("aria-expanded");
    let target: HTMLElement | null | undefined = null;
    if (event.key === "ArrowDown") target = items[at + 1];
    else if (event.key === "ArrowUp") target = items[at - 1];
    else if (event.key === "Home") target = items[0];
    else if (event.key === "End") target = items.at(-1);
    else if (event.key === "ArrowRight" && expanded === "false") toggle(path, true);
    else if (event.key === "ArrowRight" && expanded === "true") target = items[at + 1];
    else if (event.key === "ArrowLeft" && expanded === "true") toggle(path, false);
    else if (event.key === "ArrowLeft") target = items.find((each) => each.dataset.path === path.slice(0, path.lastIndexOf("/")));
    else if (event.key === "Enter" || event.key === " ") choose(path);
    else return;
    event.preventDefault();
    target?.focus();
  };
  const counts = found && found.length < MOST_COUNTED ? new Map(found.map(({ value, count }) => [value, count])) : null;
  const countOf = (folder: FolderNode) => (counts ? (counts.get(folder.path) ?? 0) : folder.count);
  const tree: Tree = { open, toggle, chosen, choose, active: active ?? chosen ?? first, countOf };
  return (
    <ul
      ref={list}
      role="tree"
      aria-label={t.filters.folders}
      className="tree"
      onKeyDown={onKeyDown}
      onFocus={(event) => setActive((event.target as HTMLElement).dataset.path ?? null)}
    >
      {data.folders.map((folder) => (
        <Node key={folder.path} folder={folder} tree={tree} level={1} />
      ))}
    </ul>
  );
}

function Node({ folder, tree, level }: { folder: FolderNode; tree: Tree; level: number }) {
  const open = folder.has_folders && tree.open.has(folder.path);
  const { data } = useQuery({ ...levelOptions(folder.path), enabled: open });
  const chosen = tree.chosen === folder.path;
  const Icon = open ? FolderOpen : Shut;
  return (
    <li role="none">
      <div
        role="treeitem"
        aria-level={level}
        aria-expanded={folder.has_folders ? open : undefined}
        aria-selected={chosen}
        className={chosen ? "node chosen" : "node"}
        data-path={folder.path}
        tabIndex={tree.active === folder.path ? 0 : -1}
        onClick={() => tree.choose(folder.path)}
      >
        <span
          className={open ? "twist open" : "twist"}
          onClick={(event) => {
            event.stopPropagation();
            if (folder.has_folders) tree.toggle(folder.path, !open);
          }}
        >
          {folder.has_folders && <ChevronRight size={14} aria-hidden="true" />}
        </span>
        <Icon size={15} aria-hidden="true" />
        <span className="value">{folder.name}</span>
        <span className="count">{number(tree.countOf(folder))}</span>
      </div>
      {open && data && (
        <ul role="group">
          {data.folders.map((each) => (
            <Node key={each.path} folder={each} tree={tree} level={level + 1} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** The folders above one. */
function waysTo(path: string): string[] {
  const found: string[] = [];
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) found.push(path.slice(0, end));
  return found;
}

// The photos of a search, of which only those near the window exist: blocks are fetched, laid out and drawn as a person
// comes near them, so a hundred thousand results cost what a screen of them costs.

import { useQueries, useQueryClient } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type MouseEvent,
  type Ref,
  startTransition,
  useCallback,
  useDeferredValue,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";

import type { SearchReply } from "../api/client";
import { BLOCK, type Search } from "../search/asked";
import { blockOptions } from "../search/request";
import { barHeight } from "../shell/bar";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { beside, type BlockLayout, type Box, layOut, ratioOf, type Shape } from "./justified";
import { useBand } from "./band";
import type { Selection } from "./selection";
import { Tile } from "./Tile";

export interface GridHandle {
  /** Put the focus on a photo, scrolling to it; false when it is not known to be there. */
  focus: (photoId: string) => boolean;
  focusFirst: () => void;
  /** Bring a photo to the top of the window. */
  scrollTo: (index: number) => void;
  /** The photo at the top of the window; at the end of the page the last one. */
  indexAtTop: () => number;
}

interface Props {
  search: Search;
  total: number;
  relevant: number | null;
  labelledBy: string;
  hrefOf: (photoId: string) => string;
  onOpen: (photoId: string) => void;
  stale: boolean;
  /** What is chosen of them; without it nothing can be. */
  selection?: Selection;
  /** Say how alike each photo is. */
  scores?: boolean;
  ref?: Ref<GridHandle>;
}

const SETTLED_MS = 2000;
const NOBODY: ReadonlySet<string> = new Set();
// What a block looks like before it is known.
const UNKNOWN = Array.from({ length: BLOCK }, (_, at) => [1.5, 0.75, 1.33, 1.5, 1, 1.5, 0.67, 1.78][at % 8] ?? 1.5);

export function PhotoGrid({ search, total, relevant, labelledBy, hrefOf, onOpen, stale, selection, scores = false, ref }: Props) {
  const list = useRef<HTMLUListElement>(null);
  const queries = useQueryClient();
  const { width, top } = usePlace(list);
  const shape = useMemo(() => shapeFor(width), [width]);
  const settled = useSettled(search.key);
  const blocks = width > 0 ? Math.ceil(total / BLOCK) : 0;
  const cutAt = relevant !== null && relevant > 0 && relevant < total ? relevant : null;

  // Each block is laid out once for a width, and all that are not known yet together.
  const layoutOf = useMemo(() => {
    const made = new WeakMap<SearchReply, BlockLayout>();
    const unknown = new Map<string, BlockLayout>();
    return (block: number, reply: SearchReply | undefined): BlockLayout => {
      const ends = block === Math.ceil(total / BLOCK) - 1;
      const cut = cutAt === null || cutAt < block * BLOCK ? null : cutAt - block * BLOCK;
      if (reply) {
        const layout = made.get(reply) ?? layOut(reply.hits.map((hit) => ratioOf(hit.width, hit.height)), shape, ends, cut);
        made.set(reply, layout);
        return layout;
      }
      const count = Math.min(BLOCK, total - block * BLOCK);
      const key = `${count} ${ends} ${cut !== null && cut < count ? cut : ""}`;
      const layout = unknown.get(key) ?? layOut(UNKNOWN.slice(0, count), shape, ends, cut);
      unknown.set(key, layout);
      return layout;
    };
  }, [shape, total, cutAt]);
  const known = useCallback(
    (block: number) => queries.getQueryData(blockOptions(search, block).queryKey),
    [queries, search],
  );
  const virtualizer = useWindowVirtualizer({
    count: blocks,
    estimateSize: (block) => layoutOf(block, known(block)).height,
    // Sizes belong to one search at one width.
    getItemKey: useCallback((block: number) => `${search.key} ${width} ${block}`, [search.key, width]),
    overscan: settled ? 1 : 0,
    scrollMargin: top,
  });
  // Before that, of the first screen only.
  const below = settled ? Number.POSITIVE_INFINITY : (virtualizer.scrollOffset ?? 0) + window.innerHeight;
  const items = virtualizer.getVirtualItems();
  const replies = useQueries({ queries: items.map((item) => blockOptions(search, item.index)) });

  // The same as long as it says the same.
  const state = items.map(({ index, start, size }, at) => `${index} ${start} ${size} ${replies[at]?.dataUpdatedAt} ${replies[at]?.isError}`).join();
  const drawn = useMemo(
    () =>
      items.map((item, at) => {
        const reply = replies[at]?.data;
        const failed = reply === undefined && replies[at]?.isError ? replies[at] : null;
        return { block: item.index, start: item.start - top, size: item.size, reply, failed, layout: layoutOf(item.index, reply) };
      }),
    [search.key, state, top, layoutOf], // eslint-disable-line
  );
  useLayoutEffect(() => {
    for (const { block, size, layout } of drawn) {
      if (Math.abs(size - layout.height) > 0.5) virtualizer.resizeItem(block, layout.height);
    }
  });

  // What is drawn follows in small steps, so that a key or the wheel never waits for it.
  const now = useMemo(() => ({ drawn, total, hrefOf, scores, below }), [drawn, total, hrefOf, scores, below]);
  const before = useDeferredValue(now);
  const shown = before.drawn.length > 0 ? before : now;

  // Walking with the keyboard: one photo can be tabbed to, the arrows go on from there.
  // In another search they begin at its first photo.
  const [walked, setWalked] = useState({ key: search.key, index: 0 });
  const active = walked.key === search.key ? walked.index : 0;
  const setActive = useCallback((index: number) => setWalked({ key: search.key, index }), [search.key]);
  const wanted = useRef<number | null>(null);
  useLayoutEffect(() => {
    wanted.current = null;
  }, [search.key]);
  const firstDrawn = (drawn[0]?.block ?? 0) * BLOCK;
  const lastDrawn = Math.min(((drawn.at(-1)?.block ?? 0) + 1) * BLOCK, total) - 1;
  const tabbable = active >= firstDrawn && active <= lastDrawn ? active : firstDrawn;

  const moveTo = useCallback(
    (index: number) => {
      setActive(index);
      const tile = list.current?.querySelector<HTMLElement>(`a[data-index="${index}"]`);
      if (tile) {
        tile.focus({ preventScroll: true });
        tile.scrollIntoView({ block: "nearest" });
      } else {
        wanted.current = index;
        virtualizer.scrollToIndex(Math.floor(index / BLOCK), { align: index % BLOCK > BLOCK / 2 ? "end" : "start" });
      }
    },
    [virtualizer, setActive],
  );
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const tile = list.current?.querySelector<HTMLElement>(`a[data-index="${wanted.current}"]`);
    if (!tile) return;
    wanted.current = null;
    tile.focus({ preventScroll: true });
    tile.scrollIntoView({ block: "nearest" });
  });
  useImperativeHandle(ref, () => ({
    focus: (photoId) => {
      for (let block = 0; block < blocks; block += 1) {
        const at = known(block)?.hits.findIndex((hit) => hit.photo_id === photoId) ?? -1;
        if (at >= 0) {
          moveTo(block * BLOCK + at);
          return true;
        }
      }
      return false;
    },
    focusFirst: () => moveTo(tabbable),
    scrollTo: (index) => {
      const block = Math.floor(index / BLOCK);
      const start = virtualizer.measurementsCache[block]?.start ?? top;
      const box = layoutOf(block, known(block)).boxes[index % BLOCK];
      window.scrollTo({ top: index === 0 ? 0 : start + (box?.top ?? 0) - barHeight() });
    },
    indexAtTop: () => {
      if (window.scrollY > 0 && window.scrollY + window.innerHeight >= document.documentElement.scrollHeight - 2) return total - 1;
      const y = window.scrollY + barHeight() + 8 - top;
      const block = drawn.find(({ start, layout }) => y < start + layout.height) ?? drawn.at(-1);
      if (!block) return 0;
      const at = block.layout.boxes.findIndex((box) => block.start + box.top + box.height > y);
      return block.block * BLOCK + Math.max(at, 0);
    },
  }));

  const choosing = selection !== undefined && selection.count > 0;
  const { band, justDrawn, onPointerDown } = useBand({
    list,
    drawn: () =>
      drawn.flatMap(({ start, reply, layout }) =>
        layout.boxes.flatMap((box, at) => {
          const id = reply?.hits[at]?.photo_id;
          return id ? [{ id, box: { ...box, top: box.top + start } }] : [];
        }),
      ),
    chosen: selection?.ids ?? NOBODY,
    choose: (ids) => selection?.replace(ids),
  });

  const onKeyDown = (event: KeyboardEvent<HTMLUListElement>) => {
    const link = (event.target as HTMLElement).closest<HTMLElement>("a[data-index]");
    if (!link || event.altKey) return;
    if (event.key === "a" && (event.ctrlKey || event.metaKey) && selection && selection.most !== null) {
      event.preventDefault();
      selection.chooseAll();
    }
    if (event.ctrlKey || event.metaKey) return;
    const index = Number(link.dataset.index);
    if ((event.key === " " || event.key === "x") && selection && !selection.all) {
      event.preventDefault();
      selection.toggle(link.dataset.id ?? "", index);
      return;
    }
    const step = (direction: 1 | -1) => {
      const boxes: Box[] = drawn.flatMap(({ start, layout }) =>
        layout.boxes.map((box) => ({ ...box, top: box.top + start })),
      );
      const found = beside(boxes, index - firstDrawn, direction);
      return found === null ? null : found + firstDrawn;
    };
    const target =
      event.key === "ArrowRight" ? index + 1
      : event.key === "ArrowLeft" ? index - 1
      : event.key === "ArrowDown" ? step(1)
      : event.key === "ArrowUp" ? step(-1)
      : event.key === "Home" ? 0
      : event.key === "End" ? total - 1
      : undefined;
    if (target === undefined) return;
    event.preventDefault();
    if (target === null || target < 0 || target >= total) return;
    moveTo(target);
    if (event.shiftKey && selection && !selection.all) {
      if (selection.ids.size === 0) selection.toggle(link.dataset.id ?? "", index);
      void selection.extendTo(target);
    }
  };
  const onClick = (event: MouseEvent<HTMLUListElement>) => {
    if (justDrawn.current) {
      event.preventDefault();
      return;
    }
    const box = (event.target as HTMLElement).closest<HTMLElement>("input[data-choose]");
    const link = (box?.parentElement ?? (event.target as HTMLElement)).closest<HTMLElement>("li")?.querySelector<HTMLElement>("a[data-index]");
    if (!link?.dataset.id || event.ctrlKey || event.metaKey || event.button !== 0) return;
    const index = Number(link.dataset.index);
    setActive(index);
    if (selection && !selection.all && (box || choosing || event.shiftKey)) {
      if (!box) event.preventDefault();
      if (event.shiftKey && choosing) void selection.extendTo(index);
      else selection.toggle(link.dataset.id, index);
    } else if (!box && !event.shiftKey) {
      event.preventDefault();
      onOpen(link.dataset.id);
    }
  };

  return (
    <div className={stale ? "grid-place stale" : "grid-place"}>
      <ul
        ref={list}
        className={choosing ? "grid choosing" : "grid"}
        aria-labelledby={labelledBy}
        style={{ height: blocks ? virtualizer.getTotalSize() : shape.row }}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onPointerDown={selection && !selection.all ? onPointerDown : undefined}
        onFocus={(event) => {
          const index = (event.target as HTMLElement).dataset.index;
          if (index) setActive(Number(index));
        }}
      >
        {shown.drawn.flatMap(({ block, start, reply, layout }) =>
          layout.boxes.map((box, at) => {
            if (top + start + box.top > shown.below) return null;
            const photo = reply?.hits[at];
            const index = block * BLOCK + at;
            const place = { left: box.left, top: start + box.top, width: box.width, height: box.height };
            return photo ? (
              <Tile
                key={`${photo.photo_id} ${block}`}
                photo={photo}
                index={index}
                total={shown.total}
                tabbable={index === tabbable}
                href={shown.hrefOf(photo.photo_id)}
                scores={shown.scores}
                selected={selection ? selection.has(photo.photo_id, index) : null}
                {...place}
              />
            ) : (
              <li
                key={index}
                className="tile placeholder"
                aria-hidden="true"
                style={{ transform: `translate(${place.left}px, ${place.top}px)`, width: place.width, height: place.height }}
              />
            );
          }),
        )}
      </ul>
      {band && <div className="band" style={{ left: band.left, top: band.top, width: band.width, height: band.height }} />}
      {shown.drawn.map(
        ({ block, start, failed }) =>
          failed && (
            <div key={block} className="block-failed" style={{ top: start + shape.row / 2 }}>
              <Trouble of={failed} />
            </div>
          ),
      )}
      {shown.drawn.map(
        ({ block, start, layout }) =>
          layout.cutTop !== null && (
            <p key={block} className="cut" style={{ top: start + layout.cutTop, height: shape.cut }}>
              <span>{t.results.lessAlike}</span>
            </p>
          ),
      )}
    </div>
  );
}

/** Grey boxes while the first photos load. */
export function GridPlaceholder() {
  const list = useRef<HTMLDivElement>(null);
  const { width } = usePlace(list);
  const { boxes, height } = layOut(UNKNOWN.slice(0, 30), shapeFor(width), false, null);
  return (
    <div className="grid-place" aria-hidden="true">
      <div ref={list} className="grid" style={{ height }}>
        {boxes.map((box, at) => (
          <div
            key={at}
            className="tile placeholder"
            style={{ transform: `translate(${box.left}px, ${box.top}px)`, width: box.width, height: box.height }}
          />
        ))}
      </div>
    </div>
  );
}

function shapeFor(width: number): Shape {
  const phone = width < 600;
  return { width, row: phone ? 116 : width < 1100 ? 180 : 216, gap: phone ? 3 : 6, cut: 52 };
}

/** False until the browser has time: the first screen of a search comes before what is below it. */
function useSettled(key: string): boolean {
  const [settled, setSettled] = useState<string | null>(null);
  useEffect(() => {
    const settle = () => startTransition(() => setSettled(key));
    if (!("requestIdleCallback" in window)) {
      const timer = setTimeout(settle, SETTLED_MS);
      return () => clearTimeout(timer);
    }
    const idle = requestIdleCallback(settle, { timeout: SETTLED_MS });
    return () => cancelIdleCallback(idle);
  }, [key]);
  return settled === key;
}

/** Width of an element and how far it stands below the top of the document. */
function usePlace(element: React.RefObject<HTMLElement | null>): { width: number; top: number } {
  const [place, setPlace] = useState({ width: 0, top: 0 });
  const look = useCallback(() => {
    if (!element.current) return;
    const box = element.current.getBoundingClientRect();
    const now = { width: Math.floor(box.width), top: Math.round(box.top + window.scrollY) };
    setPlace((before) => (before.width === now.width && before.top === now.top ? before : now));
  }, [element]);
  useLayoutEffect(look);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(look);
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  }, [element, look]);
  return place;
}

// Drawing a rectangle over photos with the mouse chooses those that it touches.

import { type PointerEvent, type RefObject, useEffect, useRef, useState } from "react";

import { barHeight } from "../shell/bar";
import type { Box } from "./justified";

const BEGINS_PX = 8;
const EDGE_PX = 48;
const STEP_PX = 18;

export interface Placed {
  id: string;
  box: Box;
}

interface Drag {
  x: number;
  y: number;
  before: ReadonlySet<string>;
  /** Photos that were drawn while it lasted: those that scroll away keep their place. */
  seen: Map<string, Box>;
  moved: boolean;
}

interface Props {
  list: RefObject<HTMLElement | null>;
  drawn: () => Placed[];
  chosen: ReadonlySet<string>;
  choose: (ids: ReadonlySet<string>) => void;
}

/** The rectangle, in the list's own measure, and what to listen with. */
export function useBand({ list, drawn, chosen, choose }: Props) {
  const [band, setBand] = useState<Box | null>(null);
  const drag = useRef<Drag | null>(null);
  const justDrawn = useRef(false);
  const latest = useRef({ drawn, choose });
  useEffect(() => {
    latest.current = { drawn, choose };
  });
  useEffect(() => {
    const move = (event: globalThis.PointerEvent) => {
      const going = drag.current;
      const place = list.current?.getBoundingClientRect();
      if (!going || !place) return;
      const [x, y] = [event.clientX - place.left, event.clientY - place.top];
      if (!going.moved && Math.hypot(x - going.x, y - going.y) < BEGINS_PX) return;
      going.moved = true;
      event.preventDefault();
      if (event.clientY > window.innerHeight - EDGE_PX) window.scrollBy(0, STEP_PX);
      else if (event.clientY < EDGE_PX + barHeight()) window.scrollBy(0, -STEP_PX);
      const box = { left: Math.min(x, going.x), top: Math.min(y, going.y), width: Math.abs(x - going.x), height: Math.abs(y - going.y) };
      for (const { id, box: placed } of latest.current.drawn()) going.seen.set(id, placed);
      const next = new Set(going.before);
      for (const [id, placed] of going.seen) if (touches(box, placed)) next.add(id);
      setBand(box);
      latest.current.choose(next);
    };
    const end = () => {
      if (drag.current?.moved) {
        justDrawn.current = true; // the click that follows is none
        window.setTimeout(() => {
          justDrawn.current = false;
        });
      }
      drag.current = null;
      setBand(null);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
    return () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
    };
  }, [list]);
  return {
    band,
    justDrawn,
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      const place = list.current?.getBoundingClientRect();
      if (!place || event.pointerType !== "mouse" || event.button !== 0 || event.shiftKey || event.ctrlKey || event.metaKey) return;
      drag.current = { x: event.clientX - place.left, y: event.clientY - place.top, before: chosen, seen: new Map(), moved: false };
    },
  };
}

const touches = (one: Box, other: Box): boolean =>
  one.left < other.left + other.width &&
  other.left < one.left + one.width &&
  one.top < other.top + other.height &&
  other.top < one.top + one.height;

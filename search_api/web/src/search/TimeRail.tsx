// The rail at the right edge of photos by date: years to jump to, the month that is on screen.

import { type PointerEvent, type RefObject, useEffect, useMemo, useRef, useState } from "react";

import type { GridHandle } from "../grid/PhotoGrid";
import { t } from "../texts";
import { monthName } from "../wording";
import { markAt, type PeriodCount, railOf } from "./months";

const LABELS_APART = 0.035; // of the rail's height

interface Props {
  months: PeriodCount[];
  undated: number;
  total: number;
  newestFirst: boolean;
  grid: RefObject<GridHandle | null>;
}

export function TimeRail({ months, undated, total, newestFirst, grid }: Props) {
  const marks = useMemo(() => railOf(months, undated, newestFirst), [months, undated, newestFirst]);
  // Where a jump went: a month may begin within a row, or too near the end to come to the top.
  const aimed = useRef({ index: 0, y: -1 });
  const [at, setAt] = useState(0); // the photo at the top of the window
  const [tall, setTall] = useState(false); // the photos fill more than two windows: worth jumping along
  const [over, setOver] = useState<number | null>(null);
  useEffect(() => {
    let asked = 0;
    const look = () => {
      asked ||= window.requestAnimationFrame(() => {
        asked = 0;
        const arrived = Math.abs(window.scrollY - aimed.current.y) < 2;
        setAt(arrived ? aimed.current.index : (grid.current?.indexAtTop() ?? 0));
        setTall((before) => before || document.documentElement.scrollHeight > 2 * window.innerHeight);
      });
    };
    look();
    window.addEventListener("scroll", look, { passive: true });
    window.addEventListener("resize", look);
    return () => {
      window.cancelAnimationFrame(asked);
      window.removeEventListener("scroll", look);
      window.removeEventListener("resize", look);
    };
  }, [grid, marks]);
  const years = useMemo(() => {
    const found: { year: string; place: number }[] = [];
    for (const { period, index } of marks) {
      const year = period.slice(0, 4);
      const place = index / total;
      const before = found.at(-1);
      if (year && before?.year !== year && (!before || place - before.place > LABELS_APART)) found.push({ year, place });
    }
    return found;
  }, [marks, total]);
  if (!tall || marks.length < 2) return null;

  const current = markAt(marks, at);
  const name = (mark: number) => (marks[mark]?.period ? monthName(marks[mark].period) : t.results.undated);
  const jump = (mark: number) => {
    const target = marks[Math.min(Math.max(mark, 0), marks.length - 1)];
    if (!target) return;
    grid.current?.scrollTo(target.index);
    aimed.current = { index: target.index, y: window.scrollY };
    setAt(target.index);
  };
  const pointed = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return markAt(marks, Math.floor(Math.min(Math.max((event.clientY - box.top) / box.height, 0), 0.9999) * total));
  };
  const bubble = over ?? current;
  return (
    <div
      className="rail"
      role="slider"
      tabIndex={0}
      aria-label={t.results.rail}
      aria-orientation="vertical"
      aria-valuemin={0}
      aria-valuemax={marks.length - 1}
      aria-valuenow={current}
      aria-valuetext={name(current)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        setOver(pointed(event));
        jump(pointed(event));
      }}
      onPointerMove={(event) => {
        setOver(pointed(event));
        if (event.buttons === 1) jump(pointed(event));
      }}
      onPointerLeave={() => setOver(null)}
      onKeyDown={(event) => {
        const target =
          event.key === "ArrowDown" || event.key === "ArrowRight" ? current + 1
          : event.key === "ArrowUp" || event.key === "ArrowLeft" ? current - 1
          : event.key === "Home" ? 0
          : event.key === "End" ? marks.length - 1
          : null;
        if (target === null) return;
        event.preventDefault();
        jump(target);
      }}
    >
      {years.map(({ year, place }) => (
        <span key={year} className="year" aria-hidden="true" style={{ top: `${100 * place}%` }}>
          {year}
        </span>
      ))}
      <span className="here" aria-hidden="true" style={{ top: `${(100 * at) / total}%` }} />
      <span
        className={over === null ? "bubble" : "bubble shown"}
        aria-hidden="true"
        style={{ top: `${(100 * (over === null ? at : (marks[bubble]?.index ?? 0))) / total}%` }}
      >
        {name(bubble)}
      </span>
    </div>
  );
}

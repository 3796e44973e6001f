// When photos were taken, as bars over which a range can be drawn; its two ends can be moved by keys too.

import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";

import { t } from "../texts";
import { counted, monthName } from "../wording";
import { type Bin, binned, firstDay, lastDay, type PeriodCount, written, monthOf } from "./months";

const MOST_BARS = 48;

interface Props {
  months: PeriodCount[];
  from?: string;
  to?: string;
  /** By keys there are many steps on the way to where one goes. */
  onChange: (from: string | null, to: string | null, byKey: boolean) => void;
}

export function Histogram({ months, from, to, onChange }: Props) {
  const whole = useMemo(() => binned(months, MOST_BARS), [months]);
  // Within the years that are chosen, month by month.
  const closer = useMemo(() => {
    if (whole.size === 1 || (!from && !to)) return null;
    const step = whole.size;
    const low = from ? Math.floor(monthOf(from) / step) * step : Number.NEGATIVE_INFINITY;
    const high = to ? Math.floor(monthOf(to) / step) * step + step : Number.POSITIVE_INFINITY;
    const inside = months.filter(({ period }) => monthOf(period) >= low && monthOf(period) < high);
    const [begin, end] = [inside[0], inside.at(-1)];
    if (!begin || !end) return null;
    const padded = [
      { period: written(Math.floor(monthOf(begin.period) / step) * step), count: 0 },
      ...inside,
      { period: written(Math.floor(monthOf(end.period) / step) * step + step - 1), count: 0 },
    ];
    const made = binned(padded, MOST_BARS);
    return made.size < step ? made : null;
  }, [months, whole.size, from, to]);
  if (whole.bins.length < 2) return null;
  const bars = (bins: Bin[], label: string, all: boolean) => (
    <Bars bins={bins} label={label} all={all} from={from} to={to} onChange={onChange} />
  );
  return (
    <>
      {bars(whole.bins, t.filters.taken, true)}
      {closer && bars(closer.bins, t.filters.takenCloser, false)}
    </>
  );
}

interface BarsProps extends Omit<Props, "months"> {
  bins: Bin[];
  label: string;
  /** There are no other photos: the whole range is no filter. */
  all: boolean;
}

function Bars({ bins, label, all, from, to, onChange }: BarsProps) {
  const last = bins.length - 1;
  const chosen = useMemo((): [number, number] => {
    const low = from ? bins.findIndex((bin) => lastDay(bin.last) >= from) : 0;
    const high = to ? bins.findLastIndex((bin) => firstDay(bin.first) <= to) : last;
    return [low < 0 ? last : low, high < 0 ? 0 : high];
  }, [bins, from, to, last]);
  const [range, setRange] = useState(chosen);
  useEffect(() => setRange(chosen), [chosen]);
  const [over, setOver] = useState<number | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const began = useRef<number | null>(null);
  const most = Math.max(...bins.map(({ count }) => count), 1);

  const commit = ([low, high]: [number, number], byKey = false) => {
    const [begin, end] = [bins[Math.min(low, high)], bins[Math.max(low, high)]];
    if (!begin || !end) return;
    const whole = all && Math.min(low, high) === 0 && Math.max(low, high) === last;
    onChange(whole ? null : firstDay(begin.first), whole ? null : lastDay(end.last), byKey);
  };
  const at = (event: PointerEvent<HTMLElement>) => {
    const box = place.current?.getBoundingClientRect() ?? event.currentTarget.getBoundingClientRect();
    const index = Math.floor(((event.clientX - box.left) / box.width) * bins.length);
    return Math.min(Math.max(index, 0), last);
  };
  const name = (index: number) => {
    const bin = bins[index];
    if (!bin) return "";
    if (bin.first === bin.last) return monthName(bin.first);
    return bin.first.slice(0, 4) === bin.last.slice(0, 4) && bin.first.endsWith("-01") && bin.last.endsWith("-12")
      ? bin.first.slice(0, 4)
      : `${monthName(bin.first)} – ${monthName(bin.last)}`;
  };
  const [low, high] = [Math.min(...range), Math.max(...range)];
  const span = `${monthName(bins[low]?.first ?? "", true)} – ${monthName(bins[high]?.last ?? "", true)}`;
  /** One end of the range, moved by arrows, Home and End. */
  const end = (which: "from" | "to", value: number, least: number, greatest: number) => (
    <div
      role="slider"
      tabIndex={0}
      className={`end ${which}`}
      aria-label={t.filters[which]}
      aria-valuemin={least}
      aria-valuemax={greatest}
      aria-valuenow={value}
      aria-valuetext={`${name(value)}, ${counted(bins[value]?.count ?? 0, "photo")}`}
      onKeyDown={(event) => {
        const target =
          event.key === "ArrowRight" || event.key === "ArrowUp" ? value + 1
          : event.key === "ArrowLeft" || event.key === "ArrowDown" ? value - 1
          : event.key === "Home" ? least
          : event.key === "End" ? greatest
          : null;
        if (target === null) return;
        event.preventDefault();
        if (target < least || target > greatest) return;
        commit(which === "from" ? [target, high] : [low, target], true);
      }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        began.current = which === "from" ? high : low;
      }}
      onPointerMove={(event) => began.current !== null && setRange([began.current, at(event)])}
      onPointerUp={(event) => {
        const other = began.current;
        began.current = null;
        if (other !== null) commit([other, at(event)]);
      }}
    />
  );
  const shown = over === null ? null : bins[over];
  return (
    <div className="histogram" role="group" aria-label={label}>
      <p className="bar-said" aria-hidden="true">
        {shown ? `${name(over ?? 0)} · ${counted(shown.count, "photo")}` : low === high ? name(low) : span}
      </p>
      <div
        ref={place}
        className="bars"
        aria-hidden="true"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          began.current = at(event);
          setRange([began.current, began.current]);
        }}
        onPointerMove={(event) => {
          setOver(at(event));
          if (began.current !== null) setRange([began.current, at(event)]);
        }}
        onPointerUp={(event) => {
          if (began.current === null) return;
          const drawn: [number, number] = [began.current, at(event)];
          began.current = null;
          // A press on the one bar that is chosen lets go of it.
          if (drawn[0] === drawn[1] && chosen[0] === chosen[1] && chosen[0] === drawn[0]) onChange(null, null, false);
          else commit(drawn);
        }}
        onPointerCancel={() => {
          began.current = null;
          setRange(chosen);
        }}
        onPointerLeave={() => setOver(null)}
      >
        {bins.map((bin, index) => (
          <span
            key={bin.first}
            className={index >= low && index <= high ? "chosen" : undefined}
            style={{ height: bin.count ? `${Math.max(4, (100 * bin.count) / most)}%` : 0 }}
          />
        ))}
      </div>
      <div className="track">
        <div className="span" style={{ left: `${(100 * low) / bins.length}%`, right: `${100 - (100 * (high + 1)) / bins.length}%` }}>
          {end("from", low, 0, high)}
          {end("to", high, low, last)}
        </div>
      </div>
    </div>
  );
}

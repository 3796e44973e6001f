// The map as it is looked at and drawn on: points, pictures and names, moved and zoomed by pointer, fingers and keys.

import { useQuery } from "@tanstack/react-query";
import { Lasso, Maximize, Minus, Plus } from "lucide-react";
import { type KeyboardEvent, type PointerEvent, useEffect, useMemo, useRef, useState } from "react";

import { photoOptions } from "../api/library";
import { canPaint } from "../graphics";
import { altText } from "../grid/marks";
import { Tool } from "../shell/Tool";
import { t } from "../texts";
import { wallClock } from "../wording";
import { type Place, simplified } from "./area";
import { type Drawn, groupColour, type Scheme } from "./colours";
import { Dots } from "./Dots";
import { type Named, placedNames, placedPictures } from "./placing";
import { type Grid, photoIdAt, type Points } from "./points";
import { moved, type Size, toPixel, toPlace, unitPx, type Viewport, zoomed } from "./viewport";

const CLICK_PX = 4;
const REACH_PX = 14;
const STEP_PX = 90;
const STEP_ZOOM = 1.5;
const HOVER_PAUSE_MS = 160;

interface Props {
  points: Points;
  grid: Grid;
  drawn: Drawn;
  colours: string[];
  scheme: Scheme;
  lit: Uint8Array | null;
  names: Named[];
  /** Whether points have their groups' colours. */
  dotted: boolean;
  size: Size;
  viewport: Viewport;
  whole: Viewport;
  /** The line around what is chosen. */
  line: readonly Place[] | null;
  shadeOf: (row: number) => string;
  onViewport: (viewport: Viewport) => void;
  onLasso: (line: Place[]) => void;
  onOpen: (row: number) => void;
  onGroup: (cluster: number) => void;
}

interface Drag {
  pointers: Map<number, { left: number; top: number }>;
  drawing: boolean;
  moved: boolean;
}

export function MapStage(props: Props) {
  const { points, grid, scheme, lit, size, viewport, whole, onViewport } = props;
  const stage = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag | null>(null);
  const [drawing, setDrawing] = useState(false);
  const [stroke, setStroke] = useState<Place[] | null>(null); // in pixels
  const [hovered, setHovered] = useState<{ row: number; left: number; top: number } | null>(null);
  const [paintable] = useState(canPaint);
  // For listeners that live longer than one drawing.
  const now = useRef({ viewport, size, whole, onViewport });
  now.current = { viewport, size, whole, onViewport };

  useEffect(() => {
    const element = stage.current as HTMLDivElement;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      const { viewport, size, whole, onViewport } = now.current;
      const turned = event.deltaY * (event.deltaMode === 1 ? 24 : 1);
      setHovered(null);
      onViewport(zoomed(viewport, size, Math.exp(-turned / 320), event.clientX - left, event.clientY - top, whole));
    };
    element.addEventListener("wheel", onWheel, { passive: false }); // React's own may not keep the page from scrolling
    return () => element.removeEventListener("wheel", onWheel);
  }, []);

  const at = (event: PointerEvent) => {
    const { left, top } = (stage.current as HTMLDivElement).getBoundingClientRect();
    return { left: event.clientX - left, top: event.clientY - top };
  };
  const rowAt = (left: number, top: number) => {
    const [x, y] = toPlace(viewport, size, left, top);
    return grid.nearest(x, y, REACH_PX / unitPx(viewport, size));
  };
  const pictures = useMemo(() => placedPictures(points, grid, viewport, size, lit), [points, grid, viewport, size, lit]);
  const pictureAt = (left: number, top: number) =>
    pictures.findLast((each) => Math.abs(each.left - left) <= each.side / 2 && Math.abs(each.top - top) <= each.side / 2)?.row;

  const onDown = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const place = at(event);
    setHovered(null);
    if (drag.current) {
      drag.current.pointers.set(event.pointerId, place);
      drag.current.moved = true;
      drag.current.drawing = false;
      setStroke(null);
      return;
    }
    const draws = drawing || event.shiftKey;
    drag.current = { pointers: new Map([[event.pointerId, place]]), drawing: draws, moved: false };
    if (draws) setStroke([[place.left, place.top]]);
  };
  const onMove = (event: PointerEvent) => {
    const place = at(event);
    const doing = drag.current;
    const before = doing?.pointers.get(event.pointerId);
    if (!doing || !before) {
      if (event.pointerType === "mouse" && !doing) {
        const row = pictureAt(place.left, place.top) ?? rowAt(place.left, place.top);
        setHovered(row >= 0 ? { row, ...place } : null);
      }
      return;
    }
    if (!doing.moved && Math.hypot(place.left - before.left, place.top - before.top) < CLICK_PX) return;
    doing.moved = true;
    if (doing.drawing) {
      doing.pointers.set(event.pointerId, place);
      setStroke((line) => [...(line ?? []), [place.left, place.top]]);
      return;
    }
    const others = [...doing.pointers].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
    doing.pointers.set(event.pointerId, place);
    const other = others[0];
    if (!other) {
      onViewport(moved(viewport, size, place.left - before.left, place.top - before.top));
      return;
    }
    // Two fingers: what is between them stays between them.
    const spread = (one: typeof place) => Math.max(20, Math.hypot(one.left - other.left, one.top - other.top));
    const [midX, midY] = [(place.left + other.left) / 2, (place.top + other.top) / 2];
    const slid = moved(viewport, size, (place.left - before.left) / 2, (place.top - before.top) / 2);
    onViewport(zoomed(slid, size, spread(place) / spread(before), midX, midY, whole));
  };
  const onUp = (event: PointerEvent) => {
    const doing = drag.current;
    if (!doing?.pointers.delete(event.pointerId)) return;
    if (doing.pointers.size > 0) return;
    drag.current = null;
    if (doing.drawing && stroke) {
      setStroke(null);
      setDrawing(false);
      const line = simplified(stroke, 1.5);
      if (doing.moved && line.length >= 3) props.onLasso(line.map(([left, top]) => toPlace(viewport, size, left, top)));
      return;
    }
    if (doing.moved || event.type === "pointercancel") return;
    const place = at(event);
    const row = pictureAt(place.left, place.top) ?? rowAt(place.left, place.top);
    if (row >= 0) props.onOpen(row);
  };
  const zoom = (factor: number) => onViewport(zoomed(viewport, size, factor, size.width / 2, size.height / 2, whole));
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = (right: number, down: number) => onViewport(moved(viewport, size, -right * STEP_PX, -down * STEP_PX));
    const keys: Record<string, () => void> = {
      ArrowLeft: () => move(-1, 0),
      ArrowRight: () => move(1, 0),
      ArrowUp: () => move(0, -1),
      ArrowDown: () => move(0, 1),
      "+": () => zoom(STEP_ZOOM),
      "=": () => zoom(STEP_ZOOM),
      "-": () => zoom(1 / STEP_ZOOM),
      "0": () => onViewport(whole),
      Escape: () => {
        setDrawing(false);
        setStroke(null);
        drag.current = null;
      },
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  const names = useMemo(() => placedNames(props.names, viewport, size), [props.names, viewport, size]);
  const outline = stroke ?? props.line?.map(([x, y]) => toPixel(viewport, size, x, y));
  return (
    <div className={drawing ? "map-stage drawing" : "map-stage"}>
      {paintable && size.width > 0 && (
        <Dots drawn={props.drawn} colours={props.colours} scheme={scheme} viewport={viewport} size={size} />
      )}
      {!paintable && <p className="map-notice">{t.map.noGraphics}</p>}
      <div
        ref={stage}
        className="map-surface"
        role="application"
        tabIndex={0}
        aria-label={t.map.surface(points.count)}
        aria-description={t.map.surfaceKeys}
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={onUp}
        onPointerCancel={onUp}
        onPointerLeave={() => setHovered(null)}
        onKeyDown={onKey}
      >
        {pictures.map(({ row, left, top, side }) => (
          <img
            key={row}
            className={lit && !lit[row] ? "map-picture unlit" : "map-picture"}
            width={side}
            height={side}
            style={{ transform: `translate(${left - side / 2}px, ${top - side / 2}px)`, borderColor: props.shadeOf(row) }}
            src={thumbnailOf(points, row)}
            alt=""
            draggable={false}
            decoding="async"
            onError={(event) => event.currentTarget.classList.add("broken")}
          />
        ))}
        {outline && outline.length > 1 && (
          <svg className="map-line" aria-hidden="true" width={size.width} height={size.height}>
            <path d={`M${outline.map(([left, top]) => `${left.toFixed(1)} ${top.toFixed(1)}`).join("L")}Z`} />
          </svg>
        )}
      </div>
      {names.map((name) => (
        <button
          key={name.cluster}
          type="button"
          tabIndex={-1}
          aria-hidden="true"
          className="map-name"
          style={{ left: name.left, top: name.top }}
          onClick={() => props.onGroup(name.cluster)}
        >
          {props.dotted && <i style={{ background: groupColour(name.cluster, scheme) }} />}
          {name.text}
        </button>
      ))}
      {hovered && !drag.current && <Card points={points} size={size} {...hovered} />}
      <div className="map-tools">
        <Tool raised label={drawing ? t.map.lassoOff : t.map.lasso} pressed={drawing} onClick={() => setDrawing(!drawing)}>
          <Lasso size={18} aria-hidden="true" />
        </Tool>
        <Tool raised label={t.photo.zoomIn} onClick={() => zoom(STEP_ZOOM)}>
          <Plus size={18} aria-hidden="true" />
        </Tool>
        <Tool raised label={t.photo.zoomOut} onClick={() => zoom(1 / STEP_ZOOM)}>
          <Minus size={18} aria-hidden="true" />
        </Tool>
        <Tool raised label={t.map.whole} onClick={() => onViewport(whole)}>
          <Maximize size={17} aria-hidden="true" />
        </Tool>
      </div>
      {drawing && <p className="map-hint">{t.map.lassoHint}</p>}
    </div>
  );
}

const thumbnailOf = (points: Points, row: number): string => `/api/v1/images/${photoIdAt(points, row)}/thumbnail`;

/** The photo under the pointer. */
function Card({ points, row, left, top, size }: { points: Points; row: number; left: number; top: number; size: Size }) {
  const photoId = photoIdAt(points, row);
  const [asked, setAsked] = useState<string | null>(null);
  useEffect(() => {
    const timer = window.setTimeout(() => setAsked(photoId), HOVER_PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [photoId]);
  const { data } = useQuery({ ...photoOptions(photoId), enabled: asked === photoId });
  const photo = data?.photo_id === photoId ? data : undefined;
  const beside = left > size.width - 240 ? { right: size.width - left + 16 } : { left: left + 16 };
  const below = top > size.height - 240 ? { bottom: size.height - top + 16 } : { top: top + 16 };
  return (
    <div className="map-card" style={{ ...beside, ...below }} aria-hidden="true">
      <img key={photoId} src={thumbnailOf(points, row)} alt="" />
      {photo && (
        <p>
          {altText(photo)}
          {photo.taken_at && <span>{wallClock(photo.taken_at, false)}</span>}
        </p>
      )}
    </div>
  );
}

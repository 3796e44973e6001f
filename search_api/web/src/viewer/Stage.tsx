// The photo itself: its thumbnail at once, the preview as soon as it is there, the original when it is enlarged.

import { ActionIcon } from "@mantine/core";
import { ZoomIn, ZoomOut } from "lucide-react";
import { type PointerEvent, useCallback, useEffect, useRef, useState } from "react";

import type { Photo, PhotoCard } from "../api/client";
import { altText } from "../grid/marks";
import { useKeys } from "../shell/layers";
import { t } from "../texts";
import { about, type View, WHOLE, within } from "./zoom";

const STEP = 1.5;
// What browsers draw themselves; of other kinds the preview is all there is to see.
const DRAWN = new Set(["JPEG", "PNG", "WEBP", "AVIF", "GIF"]);

interface Props {
  photo: Photo | PhotoCard | undefined;
  photoId: string;
}

export function Stage({ photo, photoId }: Props) {
  const stage = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View>(WHOLE);
  const [loaded, setLoaded] = useState<string | null>(null);
  const pointers = useRef(new Map<number, { x: number; y: number }>());
  useEffect(() => setView(WHOLE), [photoId]);

  const bounded = useCallback(
    (next: View): View => {
      const box = stage.current?.getBoundingClientRect();
      if (!box || next.scale === 1) return WHOLE;
      const ratio = (photo?.width || 3) / (photo?.height || 2);
      const width = Math.min(box.width, box.height * ratio);
      return within(next, { width, height: width / ratio }, box);
    },
    [photo?.width, photo?.height],
  );
  const zoom = useCallback(
    (factor: number, at?: { clientX: number; clientY: number }) =>
      setView((before) => {
        const box = stage.current?.getBoundingClientRect();
        const point =
          at && box
            ? { x: at.clientX - box.left - box.width / 2, y: at.clientY - box.top - box.height / 2 }
            : { x: 0, y: 0 };
        return bounded(about(before, factor, point));
      }),
    [bounded],
  );

  useKeys((event) => {
    if (event.key === "+" || event.key === "=") zoom(STEP);
    if (event.key === "-") zoom(1 / STEP);
    if (event.key === "0") setView(WHOLE);
  });
  // React listens to wheels passively, and a passive listener cannot keep the page from scrolling.
  useEffect(() => {
    const element = stage.current;
    if (!element) return;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), event);
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [zoom]);

  const onPointerMove = (event: PointerEvent) => {
    const before = pointers.current.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const [other] = [...pointers.current].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    pointers.current.set(event.pointerId, now);
    if (other) {
      const grown = Math.hypot(now.x - other.x, now.y - other.y) / Math.hypot(before.x - other.x, before.y - other.y);
      if (Number.isFinite(grown)) zoom(grown, { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 });
    } else {
      setView((at) => (at.scale === 1 ? at : bounded({ ...at, x: at.x + now.x - before.x, y: at.y + now.y - before.y })));
    }
  };
  const release = (event: PointerEvent) => pointers.current.delete(event.pointerId);

  const full = photo && "original_url" in photo && !photo.offline && photo.pages === 1 ? photo : undefined;
  const sharp = view.scale > 1 && full?.original_url && DRAWN.has(full.format ?? "") ? full.original_url : photo?.preview_url;
  const alt = photo ? altText(photo) : "";
  return (
    <div
      ref={stage}
      className={view.scale > 1 ? "stage close" : "stage"}
      onDoubleClick={(event) => (view.scale > 1 ? setView(WHOLE) : zoom(3, event))}
      onPointerDown={(event) => {
        if (event.target !== event.currentTarget && !(event.target instanceof HTMLImageElement)) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
      }}
      onPointerMove={onPointerMove}
      onPointerUp={release}
      onPointerCancel={release}
    >
      {photo && (
        <div className="picture" style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}>
          {loaded !== photo.preview_url && <img className="blurred" src={photo.thumbnail_url} alt="" draggable={false} />}
          <img
            key={photo.photo_id}
            className="sharp"
            src={sharp ?? photo.preview_url}
            alt={alt}
            draggable={false}
            width={photo.width ?? undefined}
            height={photo.height ?? undefined}
            onLoad={() => setLoaded(photo.preview_url)}
          />
        </div>
      )}
      <div className="zoom">
        <ActionIcon variant="transparent" aria-label={t.photo.zoomOut} disabled={view.scale === 1} onClick={() => zoom(1 / STEP)}>
          <ZoomOut size={20} aria-hidden="true" />
        </ActionIcon>
        <ActionIcon variant="transparent" aria-label={t.photo.zoomIn} onClick={() => zoom(STEP)}>
          <ZoomIn size={20} aria-hidden="true" />
        </ActionIcon>
      </div>
    </div>
  );
}

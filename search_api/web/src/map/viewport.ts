// Which part of the map is shown: from places to pixels and back.

import type { Place } from "./area";

/** Its middle, and how many half windows a unit of the map is long (of the window's longer side). */
export interface Viewport {
  x: number;
  y: number;
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

/** Pixels that a unit of the map is long. */
export const unitPx = (viewport: Viewport, { width, height }: Size): number => (viewport.scale * Math.max(width, height)) / 2;

export function toPixel(viewport: Viewport, size: Size, x: number, y: number): Place {
  const unit = unitPx(viewport, size);
  return [size.width / 2 + (x - viewport.x) * unit, size.height / 2 - (y - viewport.y) * unit];
}

export function toPlace(viewport: Viewport, size: Size, left: number, top: number): Place {
  const unit = unitPx(viewport, size);
  return [viewport.x + (left - size.width / 2) / unit, viewport.y - (top - size.height / 2) / unit];
}

export interface Box {
  left: number;
  right: number;
  low: number;
  high: number;
}

/** All of the box, with a margin. */
export function fitting({ left, right, low, high }: Box, { width, height }: Size): Viewport {
  const [wide, tall] = [Math.max(right - left, 0.05), Math.max(high - low, 0.05)];
  const room = Math.min(48, width / 8, height / 8);
  const unit = Math.max(1, Math.min((width - 2 * room) / wide, (height - 2 * room) / tall));
  return { x: (left + right) / 2, y: (low + high) / 2, scale: (2 * unit) / Math.max(width, height, 1) };
}

/** Larger or smaller by `factor`, the place at this pixel staying where it is. */
export function zoomed(viewport: Viewport, size: Size, factor: number, left: number, top: number, whole: Viewport): Viewport {
  const scale = Math.min(whole.scale * 400, Math.max(whole.scale * 0.4, viewport.scale * factor));
  const [x, y] = toPlace(viewport, size, left, top);
  const unit = unitPx({ ...viewport, scale }, size);
  return { x: x - (left - size.width / 2) / unit, y: y + (top - size.height / 2) / unit, scale };
}

/** Moved by pixels; its middle stays on the map. */
export function moved(viewport: Viewport, size: Size, right: number, down: number): Viewport {
  const unit = unitPx(viewport, size);
  const within = (value: number) => Math.min(1.5, Math.max(-1.5, value));
  return { ...viewport, x: within(viewport.x - right / unit), y: within(viewport.y + down / unit) };
}

export const writtenViewport = ({ x, y, scale }: Viewport): string => [x.toFixed(4), y.toFixed(4), scale.toPrecision(4)].join(",");

export function readViewport(text: string | undefined): Viewport | null {
  const [x, y, scale] = text?.split(",").map(Number) ?? [];
  return x !== undefined && y !== undefined && scale !== undefined && [x, y, scale].every(Number.isFinite) && scale > 0
    ? { x, y, scale }
    : null;
}

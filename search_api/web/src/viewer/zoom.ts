// The arithmetic of looking closely: where a photo stands when it is enlarged about a point.

export interface View {
  /** 1: the whole photo. */
  scale: number;
  /** Shift of the photo's middle from the stage's, in pixels of the screen. */
  x: number;
  y: number;
}

export const WHOLE: View = { scale: 1, x: 0, y: 0 };
const MOST = 12;

/** `view` enlarged by `factor`, so that what is under the point (from the stage's middle) stays there. */
export function about(view: View, factor: number, point: { x: number; y: number }): View {
  const scale = Math.min(Math.max(view.scale * factor, 1), MOST);
  if (scale === 1) return WHOLE;
  const grown = scale / view.scale;
  return { scale, x: point.x - (point.x - view.x) * grown, y: point.y - (point.y - view.y) * grown };
}

/** Moved, but never so far that the photo leaves the stage. Sizes in pixels: the whole photo's, the stage's. */
export function within(view: View, photo: { width: number; height: number }, stage: { width: number; height: number }): View {
  const room = (size: number, visible: number) => Math.max(0, (size * view.scale - visible) / 2);
  const clamp = (value: number, most: number) => Math.min(Math.max(value, -most), most);
  return {
    scale: view.scale,
    x: clamp(view.x, room(photo.width, stage.width)),
    y: clamp(view.y, room(photo.height, stage.height)),
  };
}

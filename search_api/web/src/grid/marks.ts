// What is said of a photo beside its picture.

import type { PhotoCard } from "../api/client";
import { t } from "../texts";

/** What a screen reader says for a photo. */
export const altText = (photo: PhotoCard): string => photo.caption || photo.title || photo.file_name;

/** The stack it stands for, its page, its motion. */
export function marksOf(photo: PhotoCard): string[] {
  const marks: string[] = [];
  const size = photo.stack_size ?? 1;
  if (size > 1) {
    if (photo.stack_kind === "raw_jpeg") marks.push(t.results.rawJpeg);
    else if (photo.stack_kind === "edit") marks.push(t.results.versions(size));
    else if (photo.stack_kind === "burst") marks.push(t.results.burst(size));
    else marks.push(t.results.stacked(size));
  }
  if (photo.pages > 1) marks.push(t.results.page(photo.page, photo.pages));
  if (photo.motion) marks.push(t.results.live);
  return marks;
}

/** How alike it is to what was searched for: by what it shows and by its words. */
export const scoreOf = (photo: PhotoCard): string =>
  [
    photo.meaning != null && t.results.meaning(photo.meaning.toFixed(3)),
    photo.words ? t.results.words(photo.words.toFixed(1)) : null,
  ]
    .filter(Boolean)
    .join(" · ");

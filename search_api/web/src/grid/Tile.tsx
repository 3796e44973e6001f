import { memo } from "react";

import type { PhotoCard } from "../api/client";
import { t } from "../texts";
import { wallClock } from "../wording";
import { altText, marksOf, scoreOf } from "./marks";

const EAGER = 24; // about a screen
const THUMBNAIL_AGAIN_MS = 2000;

interface Props {
  photo: PhotoCard;
  index: number;
  total: number;
  left: number;
  top: number;
  width: number;
  height: number;
  tabbable: boolean;
  href: string;
  scores: boolean;
  /** Null where photos cannot be chosen. */
  selected: boolean | null;
}

/** A thumbnail that does not come is asked for once more before its name stands in its place. */
function failed(image: HTMLImageElement): void {
  if (image.dataset.again) {
    image.classList.add("broken");
    return;
  }
  image.dataset.again = "1";
  window.setTimeout(() => {
    image.src = image.src; // asks again
  }, THUMBNAIL_AGAIN_MS);
}

/** What the browser has already does not fade in. */
const shownAtOnce = (image: HTMLImageElement | null): void => {
  if (image?.complete && image.naturalWidth > 0) image.classList.add("loaded");
};

/** One photo of the grid: a link, so that it opens in a new tab as any other. */
export const Tile = memo(function Tile({ photo, index, total, left, top, width, height, tabbable, href, scores, selected }: Props) {
  const marks = marksOf(photo);
  const score = scores ? scoreOf(photo) : null;
  const date = photo.taken_at && wallClock(photo.taken_at, false);
  return (
    <li
      className={selected ? "tile selected" : "tile"}
      style={{ transform: `translate(${left}px, ${top}px)`, width, height }}
      aria-setsize={total}
      aria-posinset={index + 1}
    >
      {selected !== null && (
        <input
          type="checkbox"
          data-choose
          tabIndex={-1}
          aria-label={t.selection.choose(photo.file_name)}
          checked={selected}
          readOnly
        />
      )}
      <a
        href={href}
        draggable={false}
        tabIndex={tabbable ? 0 : -1}
        data-index={index}
        data-id={photo.photo_id}
        title={[photo.file_name, date].filter(Boolean).join(" · ")}
      >
        <img
          key={photo.thumbnail_url}
          src={photo.thumbnail_url}
          alt={[altText(photo), ...marks, ...(score ? [score] : [])].join(", ")}
          loading={index < EAGER ? "eager" : "lazy"}
          decoding="async"
          draggable={false}
          ref={shownAtOnce}
          onLoad={(event) => event.currentTarget.classList.add("loaded")}
          onError={(event) => failed(event.currentTarget)}
        />
        <span className="tile-label" aria-hidden="true">
          {photo.caption || photo.file_name}
        </span>
        {score && (
          <span className="mark score" aria-hidden="true">
            {score}
          </span>
        )}
        {photo.offline && <span className="mark missing">{t.results.missing}</span>}
        {marks.length > 0 && (
          <span className="marks" aria-hidden="true">
            {marks.map((mark) => (
              <span className="mark" key={mark}>
                {mark}
              </span>
            ))}
          </span>
        )}
      </a>
    </li>
  );
});

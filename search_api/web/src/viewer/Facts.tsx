// What is known about a photo.

import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { MouseEvent, ReactNode } from "react";
import { Link } from "wouter";

import { useView } from "../address";
import { asApiError, type Photo, type PhotoCard } from "../api/client";
import { similarOptions, useMay } from "../api/library";
import { altText } from "../grid/marks";
import { nearField } from "../places/query";
import { SmallMap } from "../places/SmallMap";
import { usePicture } from "../search/picture";
import { t } from "../texts";
import { address } from "../view";
import { bytes, exposure, moment, number, offset, position, wallClock } from "../wording";
import { Caption, RemovedNote, Stars, Tags } from "./Edits";
import { Stack } from "./Stack";

interface Props {
  card: PhotoCard | undefined;
  /** Undefined until all is known. */
  photo: Photo | undefined;
  error: unknown;
  onSimilar: () => void;
  onDissimilar: () => void;
  onHide: () => void;
  onStacksChanged: () => void;
}

export function Facts({ card, photo, error, onSimilar, onDissimilar, onHide, onStacksChanged }: Props) {
  const may = useMay("write");
  return (
    <aside className="facts">
      <h2>{card ? card.title || card.file_name : ""}</h2>
      {photo?.hidden_at && <RemovedNote photo={photo} since={photo.hidden_at} />}
      {photo ? <Caption photo={photo} /> : card?.caption && <p className="caption">{card.caption}</p>}
      {photo && <Stars photo={photo} />}
      <div role="status" className={error || card?.offline ? "notice" : undefined}>
        {error ? asApiError(error).message : card?.offline ? t.photo.unreachable : null}
      </div>
      {photo?.warning_notes?.map((note) => (
        <p key={note.code} className="notice warning">
          {note.message} {note.advice && <span className="muted">{note.advice.replaceAll("`", "")}</span>}
        </p>
      ))}
      <div className="buttons">
        {photo && !photo.offline && (
          <Button component="a" href={photo.original_url} target="_blank" rel="noopener">
            {t.photo.openOriginal}
          </Button>
        )}
        {!photo?.hidden_at && (
          <Button variant="default" onClick={onSimilar}>
            {t.photo.moreLikeThis}
          </Button>
        )}
        {photo?.searchable_by_content && (
          <Button variant="default" onClick={onDissimilar}>
            {t.photo.lessLikeThis}
          </Button>
        )}
      </div>
      {photo?.stack && <Stack photo={photo} onChanged={onStacksChanged} />}
      {photo && <Known photo={photo} />}
      {photo?.location && <TakenAt location={photo.location} />}
      {photo && <Tags photo={photo} />}
      {photo && <Places photo={photo} />}
      {photo?.searchable_by_content && <Similar photoId={photo.photo_id} />}
      {may && photo && !photo.hidden_at && (
        <Button className="hide" variant="subtle" color="gray" onClick={onHide}>
          {t.edits.hide}
        </Button>
      )}
    </aside>
  );
}

function Known({ photo }: { photo: Photo }) {
  const facts: [string, ReactNode][] = [
    [t.photo.taken, photo.taken_at && takenLine(photo)],
    [t.photo.dateFrom, t.photo.dateSources[photo.taken_at_source ?? ""]],
    [t.photo.people, photo.people?.join(", ")],
    [t.photo.place, placeLine(photo)],
    [t.photo.camera, photo.camera],
    [t.photo.lens, photo.lens],
    [t.photo.exposure, exposureLine(photo)],
    [t.photo.size, sizeLine(photo)],
    [t.photo.kind, kindLine(photo)],
    [t.photo.label, photo.color_label],
    [t.photo.description, photo.description],
    [t.photo.keywords, photo.keywords?.join(", ")],
    [t.photo.collections, photo.collections?.join(", ")],
    [t.photo.position, photo.location && positionLine(photo)],
    [t.photo.added, moment(photo.added_at, false)],
  ];
  return (
    <dl className="known">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** On a small map, with what else was taken there. */
function TakenAt({ location: { lat, lon } }: { location: NonNullable<Photo["location"]> }) {
  const { setPicture } = usePicture();
  return (
    <section className="taken-at" aria-label={t.photo.takenHere}>
      <SmallMap lat={lat} lon={lon} />
      <Button component={Link} href={address({}, { q: nearField(lat, lon) })} onClick={() => setPicture(null)} variant="default" size="compact-sm">
        {t.places.near}
      </Button>
    </section>
  );
}

function Places({ photo }: { photo: Photo }) {
  return (
    <section aria-label={t.photo.whereLabel} className="places">
      <h3>{t.photo.places(photo.files.length)}</h3>
      {photo.files.map((file) => (
        <p key={file.path}>
          <code>{file.path}</code> {!file.reachable && <span className="tag">{t.photo.missing}</span>}
        </p>
      ))}
      {photo.motion_url && (
        <>
          <h3>{t.photo.video}</h3>
          <p>
            <code>{photo.motion_path}</code>{" "}
            <a href={photo.motion_url} target="_blank" rel="noopener">
              {t.photo.openVideo}
            </a>
          </p>
        </>
      )}
    </section>
  );
}

function Similar({ photoId }: { photoId: string }) {
  const { data } = useQuery(similarOptions(photoId));
  if (!data?.hits.length) return null;
  return (
    <section className="similar" aria-labelledby="similar-title">
      <h3 id="similar-title">{t.photo.similar}</h3>
      <ul className="neighbours">
        {data.hits.map((hit) => (
          <PictureLink key={hit.photo_id} photo={hit} text={altText(hit)} />
        ))}
      </ul>
    </section>
  );
}

/** A small picture in a list, leading to the photo. */
export function PictureLink({ photo, text, current, badge }: { photo: PhotoCard; text: string; current?: boolean; badge?: string }) {
  const { view, show } = useView();
  const open = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show({ photo: photo.photo_id }, { replace: true });
  };
  return (
    <li>
      <a href={address(view, { photo: photo.photo_id })} aria-current={current ? "true" : undefined} onClick={open}>
        <img src={photo.thumbnail_url} alt={text} loading="lazy" />
        {badge && (
          <span className="mark" aria-hidden="true">
            {badge}
          </span>
        )}
      </a>
    </li>
  );
}

function takenLine(photo: Photo): string {
  const withTime = photo.taken_at_source !== "file_name" || !photo.taken_at?.endsWith("T00:00:00");
  const zone = photo.taken_at_offset_min == null ? "" : ` (${offset(photo.taken_at_offset_min)})`;
  return wallClock(photo.taken_at ?? "", withTime) + zone;
}

function placeLine(photo: Photo): string {
  const parts = [photo.city, photo.region === photo.city ? null : photo.region, photo.country ?? photo.country_code];
  const named = parts.filter(Boolean).join(", ");
  return named && photo.place_source === "gps" ? t.photo.lookedUp(named) : named;
}

function positionLine(photo: Photo): string {
  const height = photo.gps_alt_m == null ? "" : ` · ${number(Math.round(photo.gps_alt_m))} m`;
  return position(photo.location?.lat ?? 0, photo.location?.lon ?? 0) + height;
}

function kindLine(photo: Photo): string {
  return [photo.format, photo.pages > 1 && t.photo.pageOf(photo.page, photo.pages), photo.motion && t.photo.withVideo]
    .filter(Boolean)
    .join(" · ");
}

function exposureLine(photo: Photo): string {
  return [
    photo.exposure_s && exposure(photo.exposure_s),
    photo.f_number && `f/${Number(photo.f_number.toFixed(1))}`,
    photo.iso && `ISO ${photo.iso}`,
    photo.focal_length_mm && `${Number(photo.focal_length_mm.toFixed(1))} mm`,
  ]
    .filter(Boolean)
    .join(" · ");
}

function sizeLine(photo: Photo): string {
  const parts: string[] = [];
  if (photo.width && photo.height) {
    parts.push(`${number(photo.width)} × ${number(photo.height)}`);
    const megapixels = (photo.width * photo.height) / 1e6;
    if (megapixels >= 0.5) parts.push(`${megapixels.toFixed(1)} MP`);
  }
  if (photo.size_bytes) parts.push(bytes(photo.size_bytes));
  return parts.join(" · ");
}

// Where photos were taken: a map of them, and the same as a list.

import { Button, useComputedColorScheme } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";
import { Link } from "wouter";

import { useView } from "../address";
import { asApiError, type PlaceCell } from "../api/client";
import { canPaint } from "../graphics";
import { TextChips } from "../search/Chips";
import { ActiveFilters } from "../search/SearchPage";
import { hasFilters, queryOf } from "../search/asked";
import { Trouble, WayOut } from "../shell/Trouble";
import { t } from "../texts";
import { address, type Changes, type View } from "../view";
import { counted, position } from "../wording";
import { type Box, boxOf, rounder } from "./mercator";
import { boxField, narrowed, type Place, placesOptions, readPlace, worldOptions, writtenPlace } from "./query";

const WorldMap = lazy(() => import("./WorldMap").then((module) => ({ default: module.WorldMap })));

// Long enough that a map which is dragged asks once, when it stands.
const MOVE_PAUSE_MS = 120;
const MOST_LISTED = 100;
/** Without a map to look closer, the list is this close to the world. */
const LIST_ZOOM = 5;
const ELSEWHERE: Changes = { photo: null, at: null, panel: null, random: null, scores: null };

export function PlacesPage() {
  const { view, show } = useView();
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const titleId = useId();
  const [drawn, setDrawn] = useState(canPaint);
  const [looking, setLooking] = useState<{ box: Box | null; zoom: number } | null>(null);
  const [pointed, setPointed] = useState<string | null>(null);
  const world = useQuery({ ...worldOptions, enabled: drawn });
  const question = JSON.stringify(queryOf(view));
  const everywhere = useQuery(placesOptions(view, null, drawn ? 1 : LIST_ZOOM));
  const [seen] = useDebouncedValue(looking, MOVE_PAUSE_MS);
  const inView = useQuery({ ...placesOptions(view, seen?.box ?? null, seen?.zoom ?? LIST_ZOOM), enabled: seen !== null });
  useEffect(() => {
    document.title = `${t.places.title} · ${t.brand}`;
  }, []);

  const moved = useCallback(
    (shown: Box, place: Place) => {
      const box = boxOf(shown);
      setLooking({ box: box && rounder(box), zoom: Math.max(0, Math.round(place.zoom * 2) / 2) });
      show({ at: writtenPlace(place) }, { replace: true });
    },
    [show],
  );
  const failed = useCallback(() => setDrawn(false), []);
  // The map and the list stay while something else is asked for, and where that fails.
  const known = useLast(everywhere.data);
  const inViewLast = useLast(inView.data);
  const whole = everywhere.isPlaceholderData ? undefined : everywhere.data;
  const told = (drawn ? inViewLast : known) ?? known;
  const cells = useMemo(() => told?.cells ?? [], [told]);
  const failures = [everywhere, inView, world].filter((asked) => asked.error);
  const error = failures[0] && asApiError(failures[0].error);
  const refetch = () => failures.forEach((asked) => void asked.refetch());
  const halfWritten = error?.code.startsWith("QUERY_");
  const narrow = view.q || hasFilters(view) || view.like;
  const box = drawn ? (seen?.box ?? null) : null;
  return (
    <main id="content" tabIndex={-1} className="places-page" aria-busy={everywhere.isFetching || inView.isFetching}>
      <div className="result-head">
        <h1 id={titleId} aria-live="polite">
          {whole ? t.places.head(whole.located, Boolean(narrow)) : t.places.title}
        </h1>
        <span className="active-filters">
          <TextChips />
          <ActiveFilters view={view} show={show} />
        </span>
      </div>
      {error && known && <Trouble of={{ data: halfWritten ? undefined : known, error, refetch }} />}
      {error && !known ? (
        <div className="message">
          <h2>{t.states.titles[error.code] ?? t.states.failed}</h2>
          <p>{error.message}</p>
          <WayOut error={error} again={refetch} />
        </div>
      ) : whole?.located === 0 && !narrow ? (
        <div className="message">
          <h2>{t.places.none}</h2>
          <p>{t.places.noneNote}</p>
        </div>
      ) : (
        <div className={drawn ? "places-body" : "places-body without-map"}>
          {drawn ? (
            <div className="place-map">
              {world.data && known && (
                <Suspense fallback={null}>
                  <WorldMap
                    world={world.data}
                    dark={scheme === "dark"}
                    tiles={known.tiles}
                    cells={cells}
                    pointed={pointed}
                    start={readPlace(view.at)}
                    bounds={whole?.bounds ?? null}
                    question={question}
                    photosOf={(cell) => photosIn(view, cell.box)}
                    onMove={moved}
                    onFailed={failed}
                  />
                </Suspense>
              )}
            </div>
          ) : (
            <p className="notice">{t.places.noGraphics}</p>
          )}
          {told && (
            <section className="place-list" aria-label={drawn ? t.places.inView : t.places.title}>
              {told.found > 0 ? (
                <Button component={Link} href={photosIn(view, box)} fullWidth>
                  {t.places.show(told.found, told.exact)}
                </Button>
              ) : (
                <p className="muted">{whole?.located === 0 ? `${t.places.noneFound}. ${t.states.noMatchNote}` : t.places.noneHere}</p>
              )}
              <ul>
                {cells.slice(0, MOST_LISTED).map((cell) => (
                  <Row key={cell.photo_id} cell={cell} href={photosIn(view, cell.box)} exact={told.exact} onPoint={setPointed} />
                ))}
              </ul>
              {cells.length > MOST_LISTED && <p className="muted">{t.places.more(cells.length - MOST_LISTED)}</p>}
            </section>
          )}
        </div>
      )}
    </main>
  );
}

interface RowProps {
  cell: PlaceCell;
  href: string;
  exact: boolean;
  onPoint: (photoId: string | null) => void;
}

function Row({ cell, href, exact, onPoint }: RowProps) {
  const where = position(cell.lat, cell.lon, 2);
  return (
    <li>
      <Link
        href={href}
        onMouseEnter={() => onPoint(cell.photo_id)}
        onMouseLeave={() => onPoint(null)}
        onFocus={() => onPoint(cell.photo_id)}
        onBlur={() => onPoint(null)}
      >
        <img src={cell.thumbnail_url} alt="" loading="lazy" />
        <span className="where">
          <span>
            <strong>{cell.name ?? where}</strong> {cell.places > 1 && <span className="muted">{t.places.others(cell.places - 1)}</span>}
          </span>
          {cell.name && <span className="muted">{where}</span>}
        </span>
        <span className="count">{exact ? counted(cell.count, "photo") : t.places.about(cell.count)}</span>
      </Link>
    </li>
  );
}

/** The photos of a box as results: an ordinary query; of the whole world all that have a place. */
function photosIn(view: View, box: Box | null): string {
  return address(view, { ...ELSEWHERE, q: narrowed(view.q, box ? boxField(box) : "has:gps") }, "/");
}

/** What was known last, where it is not known now. */
function useLast<Known>(now: Known | undefined): Known | undefined {
  const last = useRef(now);
  if (now !== undefined) last.current = now;
  return last.current;
}

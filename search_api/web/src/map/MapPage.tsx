// The similarity map: photos that look alike lie close together. What is searched for is lit on it, what a line encloses
// or a group holds is chosen, and beside it stands in words what a canvas cannot tell.

import { Button, Loader, NativeSelect, useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";

import { useView } from "../address";
import { answer, asApiError, client, type SimilarityMap } from "../api/client";
import { useMay } from "../api/library";
import type { Selection } from "../grid/selection";
import { hasFilters, hasQuery, queryOf } from "../search/asked";
import { useSearchSoon } from "../search/refresh";
import { StartJob } from "../shell/StartJob";
import { Trouble, WayOut } from "../shell/Trouble";
import { t } from "../texts";
import { address, type View } from "../view";
import { number } from "../wording";
import { readArea, writtenArea } from "./area";
import { byDate, byGroup, byRating, byValue, COLOUR_KEYS, type ColourKey, groupColour, painted, type Shading, UNLIT } from "./colours";
import { MapStage } from "./MapStage";
import type { Named } from "./placing";
import { boxOf, Grid, photoIdAt, type Points } from "./points";
import { fetchColumn, fetchPoints } from "./reading";
import { fitting, readViewport, type Viewport, writtenViewport } from "./viewport";

const BulkDialog = lazy(() => import("../selection/BulkDialog").then((module) => ({ default: module.BulkDialog })));
const Viewer = lazy(() => import("../viewer/Viewer").then((module) => ({ default: module.Viewer })));

const NEIGHBOURS = 120; // photos to step through from the one that was opened
const KEPT_AFTER_MS = 600;
/** A reply may have a row for each of a million photos. */
const FORGOTTEN_AFTER_MS = 10_000;

export function MapPage() {
  const queries = useQueryClient();
  const map = useQuery({
    queryKey: ["map"],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/map", { params: { query: { sample: 0 } }, signal })),
    staleTime: 20_000,
    retry: (_, error) => asApiError(error).code === "INDEX_LOADING",
    retryDelay: 1500,
  });
  const again = useCallback(() => void queries.invalidateQueries({ queryKey: ["map"] }), [queries]);
  const points = useQuery({
    queryKey: ["map-points", map.data?.generation],
    queryFn: ({ signal }) => fetchPoints(map.data?.points_url as string, signal),
    enabled: map.isSuccess,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const error = map.error ?? points.error;
  const code = error && asApiError(error).code;
  // It was drawn anew between the two questions.
  useEffect(() => {
    if (code === "MAP_CHANGED") again();
  }, [code, again]);
  useEffect(() => {
    document.title = `${t.map.title} · ${t.brand}`;
  }, []);
  return (
    <main id="content" tabIndex={-1} className="map-page" aria-busy={!points.isSuccess && !error}>
      {code === "MAP_NOT_DRAWN" ? (
        <div className="message">
          <h1>{t.map.notDrawn}</h1>
          <p>{t.map.notDrawnNote}</p>
          <Draw onDrawn={again} />
        </div>
      ) : map.data && points.data ? (
        <Drawing key={map.data.generation} map={map.data} points={points.data} again={again} trouble={<Trouble of={map} />} />
      ) : error && code !== "MAP_CHANGED" ? (
        <div className="message">
          <h1>{t.states.titles[code ?? ""] ?? t.states.failed}</h1>
          <p>{asApiError(error).message}</p>
          <Button onClick={() => void (map.isError ? map : points).refetch()}>{t.tryAgain}</Button>
        </div>
      ) : (
        <div className="map-loading">
          <h1 className="muted">{t.map.title}</h1>
          <Loader aria-label={t.map.loading} />
        </div>
      )}
    </main>
  );
}

interface DrawingProps {
  map: SimilarityMap;
  points: Points;
  again: () => void;
  trouble: ReactNode;
}

function Drawing({ map, points, again, trouble }: DrawingProps) {
  const { view, show } = useView();
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const { ref: place, width, height } = useElementSize();
  const size = useMemo(() => ({ width, height }), [width, height]);
  const searchSoon = useSearchSoon();

  const shown = useMemo(() => {
    const hidden = new Set(map.hidden_rows);
    return Uint32Array.from({ length: points.count }, (_, row) => row).filter((row) => !hidden.has(row));
  }, [map.hidden_rows, points]);
  const grid = useMemo(() => new Grid(points, shown), [points, shown]);
  const whole = useMemo(
    () => fitting(boxOf(points, shown) ?? { left: -1, right: 1, low: -1, high: 1 }, size),
    [points, shown, size],
  );
  const [viewport, setViewport] = useKeptViewport();

  const colour = (COLOUR_KEYS as readonly string[]).includes(view.colour ?? "") ? (view.colour as ColourKey) : "group";
  const shading = useShading(map, points, colour, scheme, again);
  const area = readArea(view.area);
  const outdated = area !== null && area.generation !== map.generation;
  useEffect(() => {
    if (outdated) show({ area: null }, { replace: true });
  }, [outdated, show]);
  const found = useFound(map, view, again);
  const lit = useMemo(() => {
    if (!found.rows) return null;
    const marked = new Uint8Array(points.count);
    for (const row of found.rows) marked[row] = 1;
    for (const row of map.hidden_rows) marked[row] = 0;
    return marked;
  }, [found.rows, points, map.hidden_rows]);
  const drawn = useMemo(() => painted(points, shading.of, shown, lit), [points, shading, shown, lit]);
  const colours = useMemo(() => [UNLIT[scheme], ...shading.shades.map((shade) => shade.colour)], [shading, scheme]);
  const names = useMemo<Named[]>(
    () => map.clusters.filter((each) => each.label).map((each) => ({ ...each, text: shortLabel(each.label as string) })),
    [map.clusters],
  );
  const shadeOf = (row: number) => shading.shades[shading.of[row] as number]?.colour ?? "";

  // Photos around the one that was opened, to step through.
  const [around, setAround] = useState<string[]>([]);
  const open = (row: number) => {
    const rows = grid.around(points.x[row] as number, points.y[row] as number, NEIGHBOURS);
    setAround([row, ...rows.filter((each) => each !== row && (!lit || lit[each]))].map((each) => photoIdAt(points, each)));
    show({ photo: photoIdAt(points, row) });
  };
  const choose = (chosen: { cluster: number } | { polygon: [number, number][] }) =>
    show({ area: writtenArea({ generation: map.generation, ...chosen } as never), photo: null });
  const toGroup = (cluster: number) => {
    const rows = shown.filter((row) => points.cluster[row] === cluster);
    const box = boxOf(points, rows);
    if (box) setViewport(fitting(box, size));
    window.scrollTo({ top: 0 }); // on a phone the list stands below the map
    choose({ cluster });
  };
  return (
    <>
      <div ref={place} className="map-place">
        {width > 0 && height > 0 && (
          <MapStage
            points={points}
            grid={grid}
            drawn={drawn}
            colours={colours}
            scheme={scheme}
            lit={lit}
            names={names}
            dotted={colour === "group"}
            size={size}
            viewport={viewport ?? whole}
            whole={whole}
            line={area?.polygon ?? null}
            shadeOf={shadeOf}
            onViewport={setViewport}
            onLasso={(polygon) => choose({ polygon: polygon as [number, number][] })}
            onOpen={open}
            onGroup={toGroup}
          />
        )}
      </div>
      <div className="map-side">
        <h1>{t.map.title}</h1>
        {trouble}
        <p className="muted">{t.map.intro(map.photos)}</p>
        <Found view={view} map={map} found={found} lit={lit} onClear={() => show({ area: null, q: null, ...noExtras(view) })} />
        <NativeSelect
          label={t.map.colourBy}
          value={colour}
          onChange={(event) => show({ colour: event.currentTarget.value === "group" ? null : event.currentTarget.value }, { replace: true })}
          data={COLOUR_KEYS.filter((key) => key === "group" || map.columns.includes(key)).map((key) => ({ value: key, label: t.map.colours[key] }))}
        />
        {colour !== "group" && shading.shades[1]?.label && <Legend shading={shading} />}
        <Groups map={map} scheme={scheme} coloured={colour === "group"} chosen={area?.cluster ?? null} view={view} onChoose={toGroup} />
        {map.waiting > 0 && <Waiting count={map.waiting} onDrawn={again} />}
      </div>
      {view.photo && (
        <Suspense fallback={null}>
          <Viewer photoId={view.photo} search={null} total={0} around={around} onClosed={() => undefined} onStacksChanged={searchSoon} />
        </Suspense>
      )}
    </>
  );
}

/** All that narrows a search, taken away. */
const noExtras = (view: View): Record<string, null> =>
  Object.fromEntries(Object.keys(view).filter((key) => !["colour", "at", "photo"].includes(key)).map((key) => [key, null]));

// A name on the map is a landmark; the list has it whole.
const shortLabel = (label: string): string => label.split(", ").slice(0, 2).join(", ");

/** Every photo of a chosen area counts, of a stack too: each is a point. */
const bodyOf = (view: View) => queryOf({ ...view, stacks: view.stacks ?? (view.area ? "all" : undefined) } as View);

function useFound(map: SimilarityMap, view: View, again: () => void) {
  const asks = hasQuery({ ...view, saved: undefined } as View, null) || hasFilters(view);
  const body = bodyOf(view);
  const current = !view.area || readArea(view.area)?.generation === map.generation;
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["map-found", map.generation, JSON.stringify(body)],
    queryFn: ({ signal }) => answer(client.POST("/api/v1/map/found", { params: { query: { v: map.generation } }, body, signal })),
    enabled: asks && current,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    gcTime: FORGOTTEN_AFTER_MS,
  });
  const code = error && asApiError(error).code;
  useEffect(() => {
    if (code === "MAP_CHANGED") again();
  }, [code, again]);
  const rows = asks && !error ? data?.rows : undefined;
  // What the search before found stays lit while it is asked, and is not counted for this one.
  return { asks, body, error: asks ? error : null, rows, known: rows !== undefined && !isPlaceholderData, total: data?.found ?? 0 };
}

function useShading(map: SimilarityMap, points: Points, colour: ColourKey, scheme: "light" | "dark", again: () => void): Shading {
  const { data, error } = useQuery({
    queryKey: ["map-columns", map.generation, colour],
    queryFn: ({ signal }) => fetchColumn(map.generation, colour, signal),
    enabled: colour !== "group",
    staleTime: 60_000,
  });
  const code = error && asApiError(error).code;
  useEffect(() => {
    if (code === "MAP_CHANGED") again();
  }, [code, again]);
  return useMemo(() => {
    if (colour === "group" || !data || data.length !== points.count) return byGroup(points.cluster, scheme);
    if (colour === "date") return byDate(data as (number | null)[], scheme);
    if (colour === "rating") return byRating(data as (number | null)[], scheme);
    return byValue(data as (string | null)[], scheme);
  }, [colour, data, points, scheme]);
}

/** Null while all of the map is shown. It stands in the address once it rests. */
function useKeptViewport(): [Viewport | null, (viewport: Viewport) => void] {
  const { view, show } = useView();
  const [viewport, setViewport] = useState(() => readViewport(view.at));
  const latest = useRef(show);
  latest.current = show;
  useEffect(() => {
    if (!viewport) return;
    const timer = window.setTimeout(() => latest.current({ at: writtenViewport(viewport) }, { replace: true }), KEPT_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, [viewport]);
  return [viewport, setViewport];
}

function Found({ view, map, found, lit, onClear }: { view: View; map: SimilarityMap; found: ReturnType<typeof useFound>; lit: Uint8Array | null; onClear: () => void }) {
  const may = useMay("write");
  const [collecting, setCollecting] = useState(false);
  if (!found.asks) return <p className="map-tip">{t.map.tip}</p>;
  const count = found.known ? (lit?.reduce((sum, each) => sum + each, 0) ?? 0) : 0;
  const area = readArea(view.area);
  const group = area?.cluster != null ? map.clusters.find((each) => each.cluster === area.cluster) : undefined;
  const what = group ? nameOf(group) : area ? t.map.insideLine : null;
  const most = found.total; // those that are not on the map too
  const selection = { ids: new Set(), all: true, count: most, most, chosen: { query: found.body }, clear: () => undefined } as unknown as Selection;
  const results = { ...view, stacks: view.stacks ?? (view.area ? "all" : undefined), colour: undefined, at: undefined, photo: undefined } as View;
  return (
    <section className="map-found" aria-label={t.map.lit}>
      {found.error ? (
        <p className="state" role="alert">
          {asApiError(found.error).message} <WayOut error={found.error} quiet />
        </p>
      ) : (
        <p role="status">
          <strong>{found.known ? t.map.found(count) : t.map.searching}</strong>
          {[what, view.q && `“${view.q}”`].filter(Boolean).map((each) => ` · ${each}`)}
          {found.known && found.total > (found.rows?.length ?? 0) && <span className="muted">{t.map.notPlaced(found.total - (found.rows?.length ?? 0))}</span>}
        </p>
      )}
      <span className="buttons">
        {count > 0 && (
          <>
            <Button component={Link} size="compact-sm" href={address(results)}>
              {t.map.show}
            </Button>
            {may && (
              <Button size="compact-sm" variant="default" onClick={() => setCollecting(true)}>
                {t.selection.collect}
              </Button>
            )}
          </>
        )}
        <Button size="compact-sm" variant="subtle" color="gray" onClick={onClear}>
          {t.filters.clearShort}
        </Button>
      </span>
      {collecting && (
        <Suspense fallback={null}>
          <BulkDialog doing="collect" selection={selection} view={view} onClose={() => setCollecting(false)} />
        </Suspense>
      )}
    </section>
  );
}

function Legend({ shading }: { shading: Shading }) {
  return (
    <ul className="map-legend" aria-label={t.map.legend}>
      {[...shading.shades.slice(1), shading.shades[0]].map(
        (shade, at) =>
          shade &&
          shade.photos > 0 && (
            <li key={at}>
              <i style={{ background: shade.colour }} />
              <span className="value">{shade.label}</span>
              <span className="count">{number(shade.photos)}</span>
            </li>
          ),
      )}
    </ul>
  );
}

type Group = SimilarityMap["clusters"][number];
const nameOf = (group: Group): string => group.label ?? t.map.group(group.cluster + 1);

interface GroupsProps {
  map: SimilarityMap;
  scheme: "light" | "dark";
  coloured: boolean;
  chosen: number | null;
  view: View;
  onChoose: (cluster: number) => void;
}

/** What the map shows, in words: each group can be chosen on the map or looked at. */
function Groups({ map, scheme, coloured, chosen, view, onChoose }: GroupsProps): ReactNode {
  if (map.clusters.length === 0) return <p className="muted">{t.map.noGroups}</p>;
  const href = (cluster: number) =>
    address({ ...(view.q && { q: view.q }), area: writtenArea({ generation: map.generation, cluster } as never), stacks: "all" });
  return (
    <section aria-labelledby="map-groups">
      <h2 id="map-groups">{t.map.groups(map.clusters.length)}</h2>
      <ul className="map-groups">
        {map.clusters.map((group) => (
          <li key={group.cluster}>
            <button type="button" aria-pressed={chosen === group.cluster} title={group.terms.join(", ")} onClick={() => onChoose(group.cluster)}>
              {coloured && <i style={{ background: groupColour(group.cluster, scheme) }} />}
              <span className="value">{nameOf(group)}</span>
              <span className="count">{number(group.photos)}</span>
            </button>
            <Link href={href(group.cluster)} aria-label={t.map.showNamed(nameOf(group))}>
              {t.map.showShort}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Waiting({ count, onDrawn }: { count: number; onDrawn: () => void }) {
  return (
    <div className="map-waiting">
      <p className="muted">{t.map.waiting(count)}</p>
      <Draw onDrawn={onDrawn} quiet />
    </div>
  );
}

/** Asks for a drawing and tells how it goes. */
function Draw({ onDrawn, quiet = false }: { onDrawn: () => void; quiet?: boolean }) {
  return (
    <StartJob
      kind="refresh_map"
      label={quiet ? t.map.drawAgain : t.map.draw}
      working={t.map.drawing}
      start={() => answer(client.POST("/api/v1/map/draw"))}
      onEnd={onDrawn}
      quiet={quiet}
    />
  );
}

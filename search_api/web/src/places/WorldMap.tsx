// The map itself. Land and lines are painted by MapLibre; photos are pictures on it, so that they are as sharp and as
// quick as the rest of the page. All that it shows stands in the list beside it too, for whoever cannot use it.

import "maplibre-gl/dist/maplibre-gl.css";

import { Map as MapLibre, Marker, NavigationControl, ScaleControl, setWorkerUrl, type StyleSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { useEffect, useRef } from "react";
import { useLocation } from "wouter";

import type { MapTiles, PlaceCell } from "../api/client";
import { t } from "../texts";
import { MAP_COLOURS } from "../theme";
import { short } from "../wording";
import { type Box, graticule, lineStep } from "./mercator";
import type { Place, World } from "./query";

// A file of this address: the page's policy lets no worker be made of text.
setWorkerUrl(new URL(workerUrl, document.baseURI).href);

const PADDING_PX = 56;
/** As close as the map goes by itself: a town, not a doorstep. */
const CLOSEST_FIT = 11;
const CLOSEST = 18;
/** A place this small is no reason to go closer: its photos are shown. */
const SMALL_DEGREES = 0.002;

interface Props {
  world: World;
  dark: boolean;
  tiles: MapTiles | null;
  cells: PlaceCell[];
  /** The cell that the list points at, by its photo. */
  pointed: string | null;
  start: Place | null;
  bounds: Box | null;
  /** Another one: the map goes where its photos are. */
  question: string;
  photosOf: (cell: PlaceCell) => string;
  onMove: (shown: Box, place: Place) => void;
  onFailed: () => void;
}

export function WorldMap({ world, dark, tiles, cells, pointed, start, bounds, question, photosOf, onMove, onFailed }: Props) {
  const [, navigate] = useLocation();
  const place = useRef<HTMLDivElement>(null);
  const map = useRef<MapLibre | null>(null);
  const markers = useRef(new Map<string, { marker: Marker; element: HTMLElement }>());
  const latest = useRef({ photosOf, onMove, onFailed, navigate });
  latest.current = { photosOf, onMove, onFailed, navigate };
  const fitted = useRef<string | null>(null);
  const painted = useRef(dark);
  const lines = useRef<Lines>({ type: "MultiLineString", coordinates: [] });

  useEffect(() => {
    if (!place.current) return undefined;
    const known = markers.current;
    let made: MapLibre;
    try {
      made = new MapLibre({
        container: place.current,
        style: styleOf(world, dark, tiles, lines.current),
        maxZoom: CLOSEST,
        maxPitch: 0,
        dragRotate: false,
        touchPitch: false,
        attributionControl: tiles ? {} : false,
        locale: { "Map.Title": t.places.mapLabel, "NavigationControl.ZoomIn": t.photo.zoomIn, "NavigationControl.ZoomOut": t.photo.zoomOut },
        ...(start ? { center: [start.lon, start.lat] as [number, number], zoom: start.zoom } : bounds ? fitOf(bounds) : {}),
      });
    } catch {
      latest.current.onFailed();
      return undefined;
    }
    // Where its photos lie may not be known yet; then the map goes there once it is.
    fitted.current = start || bounds ? question : "";
    made.touchZoomRotate.disableRotation();
    made.keyboard.disableRotation();
    made.addControl(new NavigationControl({ showCompass: false }), "top-right");
    made.addControl(new ScaleControl({ maxWidth: 110 }), "bottom-right");
    const say = () => {
      const shown = made.getBounds();
      const middle = made.getCenter().wrap();
      const box = { south: shown.getSouth(), west: shown.getWest(), north: shown.getNorth(), east: shown.getEast() };
      lines.current = linesOf(box, made.getZoom());
      const source = made.getSource("lines");
      if (source && "setData" in source) (source as { setData: (data: unknown) => void }).setData(lines.current);
      latest.current.onMove(box, { lat: middle.lat, lon: middle.lng, zoom: made.getZoom() });
    };
    made.on("moveend", say);
    made.on("load", say);
    map.current = made;
    return () => {
      map.current = null;
      known.clear();
      made.remove();
    };
  }, [world]); // eslint-disable-line

  useEffect(() => {
    // A new map was made in these colours already.
    if (painted.current !== dark) map.current?.setStyle(styleOf(world, dark, tiles, lines.current), { diff: false });
    painted.current = dark;
  }, [world, dark, tiles]);

  // Another search: there, where its photos are.
  useEffect(() => {
    if (fitted.current === null || fitted.current === question || !bounds) return;
    fitted.current = question;
    const { bounds: corners, fitBoundsOptions } = fitOf(bounds);
    map.current?.fitBounds(corners, fitBoundsOptions);
  }, [question, bounds]);

  useEffect(() => {
    const shown = map.current;
    if (!shown) return;
    const known = markers.current;
    const wanted = new Set(cells.map((cell) => cell.photo_id));
    for (const [photoId, { marker }] of known) {
      if (wanted.has(photoId)) continue;
      marker.remove();
      known.delete(photoId);
    }
    // Those with most photos are drawn last, over the others.
    for (const cell of [...cells].reverse()) {
      const before = known.get(cell.photo_id);
      const element = before?.element ?? document.createElement("div");
      dress(element, cell);
      element.onclick = () => {
        const { south, west, north, east } = cell.box;
        const small = Math.max(north - south, east - west) < SMALL_DEGREES || shown.getZoom() > CLOSEST - 1;
        if (small) latest.current.navigate(latest.current.photosOf(cell));
        else shown.fitBounds([west, south, east, north], { padding: PADDING_PX, maxZoom: Math.max(shown.getZoom() + 3, CLOSEST_FIT) });
      };
      if (before) before.marker.setLngLat([cell.lon, cell.lat]);
      else known.set(cell.photo_id, { element, marker: new Marker({ element }).setLngLat([cell.lon, cell.lat]).addTo(shown) });
    }
  }, [cells]);

  useEffect(() => {
    for (const [photoId, { element }] of markers.current) element.classList.toggle("pointed", photoId === pointed);
  }, [pointed, cells]);

  return <div ref={place} className="map-canvas" />;
}

/** The picture of a place, with how many there are; the list says the same to those who do not see it. */
function dress(element: HTMLElement, cell: PlaceCell): void {
  if (!element.firstChild) {
    element.className = "place-mark";
    element.setAttribute("aria-hidden", "true");
    element.setAttribute("role", "presentation");
    const image = document.createElement("img");
    image.alt = "";
    image.src = cell.thumbnail_url;
    image.draggable = false;
    element.append(image, document.createElement("span"));
  }
  element.classList.toggle("single", cell.count === 1);
  element.title = cell.name ?? "";
  if (element.lastChild) element.lastChild.textContent = cell.count > 1 ? short(cell.count) : "";
  element.style.setProperty("--size", `${Math.round(34 + 7 * Math.min(Math.log10(cell.count), 4))}px`);
}

function fitOf({ south, west, north, east }: Box) {
  const bounds: [number, number, number, number] = [west, south, east, north];
  return { bounds, fitBoundsOptions: { padding: PADDING_PX, maxZoom: CLOSEST_FIT } };
}

interface Lines {
  type: "MultiLineString";
  coordinates: number[][][];
}

const linesOf = (box: Box, zoom: number): Lines => ({ type: "MultiLineString", coordinates: graticule(box, lineStep(zoom)) });

/** What is painted, in the colours of the page. */
function styleOf(world: World, dark: boolean, tiles: MapTiles | null, lines: Lines): StyleSpecification {
  const { sea, land, coast, border, line } = MAP_COLOURS[dark ? "dark" : "light"];
  return {
    version: 8,
    sources: {
      land: { type: "geojson", data: world.land as never },
      borders: { type: "geojson", data: world.borders },
      lines: { type: "geojson", data: lines },
      ...(tiles && { tiles: { type: "raster", tiles: [tiles.url], tileSize: 256, attribution: tiles.attribution } as const }),
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": sea } },
      { id: "land", type: "fill", source: "land", paint: { "fill-color": land } },
      { id: "borders", type: "line", source: "borders", paint: { "line-color": border, "line-width": 0.8, "line-dasharray": [3, 2] } },
      { id: "coast", type: "line", source: "land", paint: { "line-color": coast, "line-width": 0.9 } },
      ...(tiles ? [{ id: "tiles", type: "raster", source: "tiles" } as const] : []),
      { id: "lines", type: "line", source: "lines", paint: { "line-color": line, "line-width": 1 } },
    ],
  };
}

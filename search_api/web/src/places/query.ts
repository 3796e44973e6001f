// Places as parts of a query, and what the page asks of them.

import { keepPreviousData, queryOptions } from "@tanstack/react-query";

import { answer, client } from "../api/client";
import { queryOf } from "../search/asked";
import type { View } from "../view";
import type { Box } from "./mercator";

const BOX = /(?:^|\s)box:[-\d.]+(?:,[-\d.]+){3}(?=\s|$)/g;
/** What counts as near a photo. */
const NEAR_KM = 1;

const degrees = (value: number): string => String(Number(value.toFixed(6)));

/** The field of the query language that finds what lies in a box. */
export const boxField = (box: Box): string => `box:${[box.south, box.west, box.north, box.east].map(degrees).join(",")}`;

export const nearField = (lat: number, lon: number): string => `near:${lat.toFixed(5)},${lon.toFixed(5)},${NEAR_KM}km`;

/** A query narrowed to a place: a box in the place of the one it names, and alternatives kept together. */
export function narrowed(q: string | undefined, field: string): string {
  const rest = (q ?? "").replace(BOX, "").trim();
  if (!rest) return field;
  return /(^|\s)OR(\s|$)/.test(rest) ? `(${rest}) ${field}` : `${rest} ${field}`;
}

/** Where a map looks: its middle and zoom, as the address has them. */
export interface Place {
  lat: number;
  lon: number;
  zoom: number;
}

export const writtenPlace = ({ lat, lon, zoom }: Place): string => `${lat.toFixed(5)},${lon.toFixed(5)},${zoom.toFixed(2)}`;

export function readPlace(text: string | undefined): Place | null {
  const [lat, lon, zoom] = (text ?? "").split(",").map(Number);
  if (lat === undefined || lon === undefined || zoom === undefined) return null;
  // A small window shows the world smaller than at 0.
  const sound = Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && zoom >= -2 && zoom <= 24;
  return sound ? { lat, lon, zoom } : null;
}

/** Where the photos of a search were taken, by the cells of a map. */
export function placesOptions(view: View, box: Box | null, zoom: number) {
  const body = { ...queryOf(view), zoom, ...(box && { box }) };
  return queryOptions({
    queryKey: ["search", "places", JSON.stringify(body)],
    queryFn: ({ signal }) => answer(client.POST("/api/v1/search/places", { body, signal })),
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  });
}

export interface World {
  land: { features?: { geometry: Outline }[]; geometry?: Outline };
  borders: { type: "MultiLineString"; coordinates: number[][][] };
}

export interface Outline {
  type: string;
  coordinates: number[][][][];
}

/** Land and borders, which come with the page. */
export const worldOptions = queryOptions({
  queryKey: ["world"],
  queryFn: async ({ signal }): Promise<World> => {
    const { default: url } = await import("../../generated/world.json?url");
    const reply = await fetch(url, { signal });
    if (!reply.ok) throw new Error(String(reply.status));
    return (await reply.json()) as World;
  },
  staleTime: Number.POSITIVE_INFINITY,
});

export const outlineOf = (world: World): number[][][][] =>
  world.land.features?.flatMap((part) => part.geometry.coordinates) ?? world.land.geometry?.coordinates ?? [];

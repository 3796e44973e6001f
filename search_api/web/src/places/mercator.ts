// The arithmetic of a Web Mercator map: one square, 0 to 1 across and down, cut off at 85 degrees.

export interface Box {
  south: number;
  west: number;
  north: number;
  east: number;
}

export const MOST_LATITUDE = 85.051129;

export const acrossOf = (lon: number): number => (lon + 180) / 360;

export function downOf(lat: number): number {
  const clipped = Math.max(-MOST_LATITUDE, Math.min(MOST_LATITUDE, lat));
  return 0.5 - Math.asinh(Math.tan((clipped * Math.PI) / 180)) / (2 * Math.PI);
}

export const latOf = (down: number): number => (Math.atan(Math.sinh((0.5 - down) * 2 * Math.PI)) * 180) / Math.PI;

/** Degrees between the lines that are drawn at a zoom (0: the world on 512 pixels). */
export function lineStep(zoom: number): number {
  const degrees = 360 / 2 ** (zoom + 2);
  return [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].find((step) => step <= degrees) ?? 0.01;
}

/** Meridians and parallels through a box, each as its two ends. */
export function graticule(box: Box, step: number): [number, number][][] {
  const lines: [number, number][][] = [];
  const south = Math.max(box.south, -MOST_LATITUDE);
  const north = Math.min(box.north, MOST_LATITUDE);
  for (let at = Math.ceil(box.west / step); at * step <= box.east; at += 1) {
    const lon = rounded(at * step);
    lines.push([[lon, south], [lon, north]]);
  }
  for (let at = Math.ceil(south / step); at * step <= north; at += 1) {
    const lat = rounded(at * step);
    lines.push([[box.west, lat], [box.east, lat]]);
  }
  return lines;
}

/** A longitude between -180 and 180. */
export const wrapped = (lon: number): number => (((lon + 180) % 360) + 360) % 360 - 180;

/** What a map shows as a box of the world; null where it shows all of it. */
export function boxOf(view: Box): Box | null {
  const south = Math.max(view.south, -90);
  const north = Math.min(view.north, 90);
  if (view.east - view.west >= 360) return south < -84 && north > 84 ? null : { south, west: -180, north, east: 180 };
  return { south, west: wrapped(view.west), north, east: wrapped(view.east) };
}

/** A box that holds this one and somewhat more, of few digits: a small move of the map asks for the same. */
export function rounder(box: Box): Box {
  const width = box.east >= box.west ? box.east - box.west : box.east - box.west + 360;
  const step = 2 ** Math.floor(Math.log2(Math.max(Math.max(width, box.north - box.south) / 32, 1e-5)));
  const down = (value: number) => rounded(Math.floor(value / step) * step);
  const up = (value: number) => rounded(Math.ceil(value / step) * step);
  return {
    south: Math.max(down(box.south), -90),
    west: Math.max(down(box.west), -180),
    north: Math.min(up(box.north), 90),
    east: Math.min(up(box.east), 180),
  };
}

const rounded = (value: number): number => Number(value.toFixed(6));

type Ring = number[][];

/** Rings as the path of an SVG, in a square of `size` around a place that is `across` of the world wide. */
export function ringsPath(polygons: Ring[][], lat: number, lon: number, across: number, size: number, closed = true): string {
  const scale = size / across;
  const left = acrossOf(lon) - across / 2;
  const top = downOf(lat) - across / 2;
  const parts: string[] = [];
  for (const shift of [-1, 0, 1]) {
    for (const ring of polygons.flat()) {
      const points = ring.map(([x, y]) => [(acrossOf(x ?? 0) + shift - left) * scale, (downOf(y ?? 0) - top) * scale] as const);
      if (!meets(points, size)) continue;
      parts.push(`M${points.map(([x, y]) => `${Number(x.toFixed(1))} ${Number(y.toFixed(1))}`).join("L")}${closed ? "Z" : ""}`);
    }
  }
  return parts.join("");
}

function meets(points: (readonly [number, number])[], size: number): boolean {
  const within = (at: 0 | 1) => {
    const values = points.map((point) => point[at]);
    return Math.max(...values) >= 0 && Math.min(...values) <= size;
  };
  return within(0) && within(1);
}

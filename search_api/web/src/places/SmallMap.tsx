// Where one photo was taken: a small map that needs no more than the outline of the land.

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { t } from "../texts";
import { acrossOf, downOf, ringsPath } from "./mercator";
import { outlineOf, worldOptions } from "./query";

const WIDTH = 320;
const HEIGHT = 150;
/** How much of the world's breadth is shown: some 3,000 km at the equator. */
const ACROSS = 0.085;

export function SmallMap({ lat, lon }: { lat: number; lon: number }) {
  const { data: world } = useQuery(worldOptions);
  const paths = useMemo(() => {
    if (!world) return null;
    return {
      land: ringsPath(outlineOf(world), lat, lon, ACROSS, WIDTH),
      borders: ringsPath([world.borders.coordinates], lat, lon, ACROSS, WIDTH, false),
    };
  }, [world, lat, lon]);
  const lines = useMemo(() => ten(lat, lon), [lat, lon]);
  const top = (WIDTH - HEIGHT) / 2;
  return (
    <svg className="small-map" viewBox={`0 ${top} ${WIDTH} ${HEIGHT}`} role="img" aria-label={t.places.smallMap}>
      {paths && <path className="land" d={paths.land} fillRule="evenodd" />}
      {paths && <path className="borders" d={paths.borders} />}
      <path className="lines" d={lines} />
      <circle className="halo" cx={WIDTH / 2} cy={WIDTH / 2} r="13" />
      <circle className="here" cx={WIDTH / 2} cy={WIDTH / 2} r="6" />
    </svg>
  );
}

/** Every tenth meridian and parallel. */
function ten(lat: number, lon: number): string {
  const scale = WIDTH / ACROSS;
  const parts: string[] = [];
  for (let at = -190; at <= 190; at += 10) {
    const x = (acrossOf(at) - acrossOf(lon)) * scale + WIDTH / 2;
    if (x > 0 && x < WIDTH) parts.push(`M${x.toFixed(1)} 0V${WIDTH}`);
    const y = (downOf(at) - downOf(lat)) * scale + WIDTH / 2;
    if (Math.abs(at) < 90 && y > 0 && y < WIDTH) parts.push(`M0 ${y.toFixed(1)}H${WIDTH}`);
  }
  return parts.join("");
}

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { convertCssVariables, deepMerge, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from "@mantine/core";
import react from "@vitejs/plugin-react";
import { feature, mesh } from "topojson-client";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

import { cssVariables, theme } from "./src/theme.ts";

// Mantine would write the theme into a <style> of the page, which a strict content security policy refuses.
const whole = mergeMantineTheme(DEFAULT_THEME, theme);
mkdirSync("generated", { recursive: true });
writeFileSync(
  "generated/theme.css",
  convertCssVariables(deepMerge(defaultCssVariablesResolver(whole), cssVariables(whole)) as ReturnType<typeof cssVariables>),
);

// Land and borders below the place map: Natural Earth at 1:110 million, public domain, in hundredths of a degree.
const atlas = JSON.parse(readFileSync("node_modules/world-atlas/countries-110m.json", "utf8"));
const world = {
  land: feature(atlas, atlas.objects.land),
  borders: mesh(atlas, atlas.objects.countries, (one: unknown, other: unknown) => one !== other),
};
// Outlines go on beyond the date line instead of back around the world; one around a pole is closed over it.
type Line = number[][];
const onward = (line: Line): Line => {
  let turns = 0;
  let before = line[0]?.[0] ?? 0;
  const gone = line.map(([lon = 0, lat = 0]) => {
    turns += lon - before > 180 ? -360 : before - lon > 180 ? 360 : 0;
    before = lon;
    return [lon + turns, lat];
  });
  const pole = (gone[0]?.[1] ?? 0) > 0 ? 90 : -90;
  return turns === 0 ? gone : [...gone, [gone.at(-1)?.[0] ?? 0, pole], [gone[0]?.[0] ?? 0, pole], gone[0] ?? []];
};
for (const { geometry } of world.land.features) geometry.coordinates = geometry.coordinates.map((rings: Line[]) => rings.map(onward));
world.borders.coordinates = world.borders.coordinates.map((line: Line) => onward(line));
const hundredths = (_: string, value: unknown) => (typeof value === "number" ? Math.round(value * 100) / 100 : value);
writeFileSync("generated/world.json", JSON.stringify(world, hundredths));

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Of embedding-atlas the page takes what paints points, with WebGL 2 in every browser, and not the part that draws
// tables of a database, whose packages are not installed (docs/decisions/web-page.md). Left alone it would ask for WebGPU
// first and write an error to the console where there is none.
const CHANGES: [RegExp, string][] = [
  [/let (\w+) = await \w+\(\);\s*if \(\1 == null\) \{\s*console\.error\("Could not get WebGPU device"\), /, "let $1 = null;\nif ($1 == null) {\n"],
  [/^import \* as (\w+) from "@uwdata\/mosaic-sql";$/m, "const $1 = {};"],
  [/^import \{ coordinator as (\w+), isSelection as (\w+), makeClient as (\w+) \} from "@uwdata\/mosaic-core";$/m, "let $1, $2, $3;"],
  [/new Worker\(new URL\("\.\/clustering\.worker\.js", import\.meta\.url\), \{ type: "module" \}\)/, "null"], // finds groups by itself
];
const painterOnly: Plugin = {
  name: "painter-only",
  transform(code, id) {
    if (!id.includes("/embedding-atlas/dist/") || !code.includes('getContext("webgl2"')) return null;
    return {
      code: CHANGES.reduce((before, [from, to]) => {
        if (!from.test(before)) this.error(`embedding-atlas is not as this build knows it: ${from}`);
        return before.replace(from, to);
      }, code),
      map: null,
    };
  },
};

export default defineConfig({
  plugins: [react(), painterOnly],
  resolve: {
    // The package does not export the view without the application around it.
    alias: { "embedding-atlas/component": here("node_modules/embedding-atlas/dist/component.js") },
  },
  build: {
    outDir: "dist",
    rolldownOptions: { input: ["index.html", "docs.html"] },
    target: "es2023",
    // Browsers that know light-dark(), so that it is not replaced.
    cssTarget: ["chrome125", "firefox128", "safari18"],
    // Small files stay files: the page loads nothing that a strict content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
  },
  // `npx vite` while working on the page, beside an API on its usual port.
  server: { proxy: { "/api": "http://127.0.0.1:8000" } },
  test: { include: ["src/**/*.test.ts"] },
});

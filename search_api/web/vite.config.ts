import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { convertCssVariables, deepMerge, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from "@mantine/core";
import react from "@vitejs/plugin-react";
import postcss from "postcss";
import { feature, mesh } from "topojson-client";
import type { Plugin, Rolldown } from "vite";
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

// `early.ts` runs while all that `main.tsx` needs is on its way.
const fetchedMeanwhile: Plugin = {
  name: "fetched-meanwhile",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle = {}, path }) {
      if (path !== "/index.html") return [];
      const main = Object.values(bundle).find((file) => file.type === "chunk" && file.facadeModuleId === here("src/main.tsx"));
      const files = new Set<string>();
      const left = main ? [main.fileName] : [];
      for (let name = left.pop(); name; name = left.pop()) {
        const file = files.has(name) ? undefined : bundle[name];
        files.add(name);
        if (file?.type === "chunk") left.push(...file.imports, ...(file.viteMetadata?.importedCss ?? []));
      }
      const missing = [...files].filter((name) => !html.includes(name));
      return missing.map((name) => ({
        tag: "link",
        attrs: { rel: name.endsWith(".css") ? "stylesheet" : "modulepreload", crossorigin: true, href: `/${name}` },
        injectTo: "head" as const,
      }));
    },
  },
};
// All that `main.tsx` needs is one file: many small ones would come one after the other, six at a time. Of Mantine, whose
// index names every component, it needs those that it names itself.
const MANTINE = here("node_modules/@mantine/core/esm");
const named = (code: string, from: string): [string, string][] =>
  [...code.matchAll(new RegExp(`import \\{([^}]+)\\} from "(${from})"`, "g"))].flatMap(([, names = "", file = ""]) =>
    names.split(",").map((name): [string, string] => [name.trim().split(" as ")[0] ?? "", file]),
  );
const components = new Map(named(readFileSync(`${MANTINE}/index.mjs`, "utf8"), "\\./[^\"]+"));
const START = here("src/main.tsx");
const needed = new Set<string>();
function neededToStart(id: string, graph: Rolldown.ChunkingContext): string | null {
  const left = needed.size > 0 ? [] : [START];
  for (let at = left.pop(); at; at = left.pop()) {
    if (needed.has(at) || at === `${MANTINE}/index.mjs`) continue;
    needed.add(at);
    const found = graph.getModuleInfo(at);
    const own = named(found?.code ?? "", "@mantine/core").map(([name]) => components.get(name));
    left.push(...(found?.importedIds ?? []), ...own.flatMap((file) => (file ? [`${MANTINE}/${file.slice(2)}`] : [])));
  }
  return needed.has(id) && id !== START ? "page" : null;
}
const EARLY = /\/src\/(early|view|api\/early|map\/area|search\/(asked|parts))\.ts$/;

// Rules of components that the page has none of: a class of Mantine's is in the scripts if anything can have it.
const MANTINE_CLASS = /\bm_[0-9a-f]{6,8}\b/g;
const usedRulesOnly: Plugin = {
  name: "used-rules-only",
  generateBundle(_, bundle) {
    const files = Object.values(bundle);
    const used = new Set(files.flatMap((file) => (file.type === "chunk" ? (file.code.match(MANTINE_CLASS) ?? []) : [])));
    const isUsed = (selector: string) => (selector.match(MANTINE_CLASS) ?? []).every((name) => used.has(name));
    for (const file of files) {
      if (file.type !== "asset" || !file.fileName.endsWith(".css")) continue;
      const sheet = postcss.parse(file.source.toString());
      sheet.walkRules((rule) => {
        rule.selectors = rule.selectors.filter(isUsed);
        if (rule.selectors.length === 0) rule.remove();
      });
      sheet.walkAtRules((rule) => {
        if (rule.nodes?.length === 0) rule.remove();
      });
      file.source = sheet.toString();
    }
  },
};

export default defineConfig({
  plugins: [react(), painterOnly, fetchedMeanwhile, usedRulesOnly],
  resolve: {
    // The package does not export the view without the application around it.
    alias: { "embedding-atlas/component": here("node_modules/embedding-atlas/dist/component.js") },
  },
  build: {
    outDir: "dist",
    rolldownOptions: {
      input: ["index.html", "docs.html"],
      output: {
        codeSplitting: {
          groups: [
            { name: "early", test: EARLY, priority: 1 },
            { name: neededToStart, debugName: "page" },
          ],
        },
      },
    },
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

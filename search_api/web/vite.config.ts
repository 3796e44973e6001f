import { mkdirSync, writeFileSync } from "node:fs";

import { convertCssVariables, deepMerge, DEFAULT_THEME, defaultCssVariablesResolver, mergeMantineTheme } from "@mantine/core";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

import { cssVariables, theme } from "./src/theme.ts";

// Mantine would write the theme into a <style> of the page, which a strict content security policy refuses.
const whole = mergeMantineTheme(DEFAULT_THEME, theme);
mkdirSync("generated", { recursive: true });
writeFileSync(
  "generated/theme.css",
  convertCssVariables(deepMerge(defaultCssVariablesResolver(whole), cssVariables(whole)) as ReturnType<typeof cssVariables>),
);

export default defineConfig({
  plugins: [react()],
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

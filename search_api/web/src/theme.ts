// Colours and shapes. One accent, quiet surfaces: the photos carry the colour.

import { Button, createTheme, type CSSVariablesResolver, type MantineColorsTuple, Modal, ModalRoot, Tooltip } from "@mantine/core";

const copper: MantineColorsTuple = [
  ...(["#fff4e8", "#fbe6d0", "#f5cb9f", "#f0af6c", "#f0a04b"] as const),
  ...(["#e08a33", "#cc7320", "#a94f07", "#92450a", "#763808"] as const),
];
const warmGrey: MantineColorsTuple = [
  ...(["#ece8e1", "#cbc5bb", "#aba398", "#716a60", "#46423c"] as const),
  ...(["#363330", "#272523", "#191817", "#131211", "#0d0c0c"] as const),
];

export const theme = createTheme({
  primaryColor: "copper",
  primaryShade: { light: 7, dark: 4 },
  colors: { copper, dark: warmGrey },
  autoContrast: true,
  defaultRadius: "md",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", Menlo, monospace',
  headings: { fontWeight: "600" },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    // Text on the accent keeps 4.5:1 in both schemes.
    Button: Button.extend({
      vars: (_, { variant = "filled" }) => ({
        root: variant === "filled" ? { "--button-color": "light-dark(#fff, #231503)" } : {},
      }),
    }),
    // Its way of locking the scroll writes a <style>, which a strict content security policy refuses; style.css does it.
    Modal: Modal.extend({ defaultProps: { lockScroll: false } }),
    ModalRoot: ModalRoot.extend({ defaultProps: { lockScroll: false } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 500, events: { hover: true, focus: true, touch: false } } }),
  },
});

/** What both maps of the world are drawn in. */
export const MAP_COLOURS = {
  light: { sea: "#e3e9ec", land: "#faf8f4", coast: "#b9b4aa", border: "#cfcac1", line: "#00000012" },
  dark: { sea: "#14181b", land: "#2e2b28", coast: "#5a554d", border: "#4a463f", line: "#ffffff14" },
};

const mapVariables = (scheme: keyof typeof MAP_COLOURS): Record<string, string> =>
  Object.fromEntries(Object.entries(MAP_COLOURS[scheme]).map(([name, colour]) => [`--map-${name}`, colour]));

/** Text that is dimmed keeps 4.5:1 on every surface it stands on. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#fdfcfa",
    "--mantine-color-text": "#1d1b18",
    "--mantine-color-dimmed": "#655f56",
    "--mantine-color-placeholder": "#716a60",
    "--mantine-color-default-border": "#ddd9d2",
    "--surface-raised": "#ffffff",
    "--surface-sunken": "#f2f0ec",
    "--line": "#e4e0da",
    "--placeholder": "#e9e6e1",
    ...mapVariables("light"),
  },
  dark: {
    "--mantine-color-body": "#191817",
    "--mantine-color-dimmed": "#aba398",
    "--mantine-color-placeholder": "#aba398",
    "--surface-raised": "#222120",
    "--surface-sunken": "#272523",
    "--line": "#363330",
    "--placeholder": "#2b2926",
    ...mapVariables("dark"),
  },
});

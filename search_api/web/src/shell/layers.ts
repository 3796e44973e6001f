// What lies over what, and so who a key is for: one Escape closes one thing, and the keys of a view rest while a dialog
// lies over it or somebody writes.

import { createContext, useContext, useEffect, useMemo, useRef } from "react";

export interface Layer {
  /** What is below it cannot be reached, by keys neither. */
  covers: boolean;
  escape: () => void;
}

const open: Layer[] = [];
// These know themselves what Escape means in them.
const OWN_ESCAPE = '[data-mantine-stop-propagation="true"], .mantine-Popover-dropdown';
const WRITTEN_IN = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=button], [type=range])";
const MOVED_BY_ARROWS = "input[type=radio], input[type=range], [role=slider], [role=tab], [role=treeitem]";

/** Put a layer over the others; the way to take it away. */
export function put(layer: Layer): () => void {
  if (open.length === 0) globalThis.window?.addEventListener("keydown", onEscape, { capture: true });
  open.push(layer);
  return () => {
    open.splice(open.lastIndexOf(layer), 1);
    if (open.length === 0) globalThis.window?.removeEventListener("keydown", onEscape, { capture: true });
  };
}

/** Whether nothing covers it; null: the page itself. */
export const reached = (layer: Layer | null): boolean => (open.findLast(({ covers }) => covers) ?? null) === layer;

/** Let the uppermost layer go, and it alone. */
export const escape = (): void => open.at(-1)?.escape();

// One listener for all: with one each, the layer below would be the uppermost before the same key reaches its listener.
function onEscape(event: KeyboardEvent): void {
  if (event.key !== "Escape" || event.isComposing) return;
  if (!(event.target instanceof Element && event.target.closest(OWN_ESCAPE))) escape();
}

/** Whether what has the focus takes the key for itself: a text that is written, a choice that is moved by arrows. */
function takenByField({ key, target }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  return target.matches(WRITTEN_IN) || (key.startsWith("Arrow") && target.closest(MOVED_BY_ARROWS) !== null);
}

/** Ctrl+Z or ⌘Z, pressed and not held: a key that is held would undo all. */
export const asksToUndo = (event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "repeat">): boolean =>
  event.key === "z" && (event.ctrlKey || event.metaKey) && !event.repeat;

/** The layer that a component stands in. */
export const LayerContext = createContext<Layer | null>(null);

export function useLayer(onEscaped: () => void, { opened = true, covers = true } = {}): Layer {
  const latest = useRef(onEscaped);
  useEffect(() => {
    latest.current = onEscaped;
  });
  const layer = useMemo<Layer>(() => ({ covers, escape: () => latest.current() }), [covers]);
  useEffect(() => (opened ? put(layer) : undefined), [opened, layer]);
  return layer;
}

/** Keys of the layer that the component stands in, of `own`, or of wherever a person is; alone or with Ctrl or ⌘. */
export function useKeys(listen: (event: KeyboardEvent) => void, own?: Layer | "everywhere", withCtrl = false): void {
  const around = useContext(LayerContext);
  const layer = own ?? around;
  const latest = useRef(listen);
  useEffect(() => {
    latest.current = listen;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) !== withCtrl || event.altKey || event.defaultPrevented || takenByField(event)) return;
      if (layer === "everywhere" || reached(layer)) latest.current(event);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [layer, withCtrl]);
}

// Where the focus goes when what had it is gone: to what stands in its place now, not back to the top of the page.

import { useEffect } from "react";

const FOCUSABLE =
  ':is(a[href], button:not(:disabled), input:not(:disabled, [hidden]), select, textarea, [tabindex="0"]):not([tabindex="-1"], .skip-link)';

/** Where an element stood: in which one, as which of its children, outwards, within the view. */
type Way = { around: Element; at: number }[];

function wayTo(element: Element): Way {
  const way: Way = [];
  for (let inner = element; inner.parentElement && inner.parentElement !== document.body; inner = inner.parentElement) {
    way.push({ around: inner.parentElement, at: [...inner.parentElement.children].indexOf(inner) });
    if (inner.parentElement.id === "content") break;
  }
  return way;
}

function next(way: Way): HTMLElement | null {
  for (const { around, at } of way) {
    if (!around.isConnected) continue;
    // Photos come and go with scrolling, and their grid knows which of them is next.
    if (around.matches(".grid")) return null;
    const sibling = around.children[Math.min(at, around.children.length - 1)];
    const found = sibling?.matches(FOCUSABLE) ? sibling : (sibling?.querySelector(FOCUSABLE) ?? around.querySelector(FOCUSABLE));
    if (found instanceof HTMLElement && found.checkVisibility()) return found;
  }
  return null;
}

/** Used once, around every view. */
export function useKeptFocus(): void {
  useEffect(() => {
    let had: { element: Element; way: Way } | null = null;
    let asked = 0;
    const onFocus = ({ target }: FocusEvent) => {
      had = target instanceof Element && target.id !== "content" ? { element: target, way: wayTo(target) } : null;
    };
    const look = () => {
      asked = 0;
      if (!had || had.element.isConnected || (document.activeElement && document.activeElement !== document.body)) return;
      const { way } = had;
      had = null;
      (next(way) ?? document.getElementById("content"))?.focus({ preventScroll: true });
    };
    // In the next frame: a dialog that closes gives the focus back by itself.
    const observer = new MutationObserver(() => {
      if (had && !had.element.isConnected) asked ||= window.setTimeout(look, 50);
    });
    document.addEventListener("focusin", onFocus);
    observer.observe(document.body, { childList: true, subtree: true });
    return () => {
      document.removeEventListener("focusin", onFocus);
      observer.disconnect();
      window.clearTimeout(asked);
    };
  }, []);
}

// The address of the page, read and changed by what it shows (view.ts).

import { useMemo } from "react";
// As the address is written: wouter's own hooks decode it once, and what is read from it is decoded again.
import { navigate, usePathname, useSearch } from "wouter/use-browser-location";

import { address, changed, type Changes, read, type View } from "./view";

export interface Showing {
  view: View;
  path: string;
  /** Change what is shown here; `replace` keeps the history as it is (while typing). */
  show: (changes: Changes, options?: { replace?: boolean }) => void;
  /** Go to another view. */
  go: (path: string, view?: View) => void;
}

export function useView(): Showing {
  const search = useSearch();
  const path = usePathname();
  return useMemo(() => {
    const view = read(search);
    return {
      view,
      path,
      show: (changes, options) => {
        const target = address(view, changed(view, changes), path);
        if (target !== address(view, {}, path)) navigate(target, { replace: options?.replace ?? false });
      },
      go: (to, next = {}) => navigate(address(next, {}, to)),
    };
  }, [search, path]);
}

// The points themselves, painted by embedding-atlas. What is done with the pointer and what stands over them is MapStage.

import { EmbeddingView } from "embedding-atlas/component";
import { useEffect, useRef } from "react";

import type { Drawn, Scheme } from "./colours";
import type { Size, Viewport } from "./viewport";

interface Props {
  drawn: Drawn;
  colours: string[];
  scheme: Scheme;
  viewport: Viewport;
  size: Size;
}

export function Dots({ drawn, colours, scheme, viewport, size }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EmbeddingView | null>(null);
  const props = {
    data: drawn,
    categoryColors: colours,
    labels: null, // they are MapStage's
    width: size.width,
    height: size.height,
    pixelRatio: window.devicePixelRatio,
    theme: { statusBar: false },
    config: { mode: "points", colorScheme: scheme, autoLabelEnabled: false } as const,
    viewportState: viewport,
  };
  const first = useRef(props);
  first.current = props;
  useEffect(() => {
    const made = new EmbeddingView(place.current as HTMLDivElement, first.current);
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, []);
  useEffect(() => view.current?.update(props));
  return <div ref={place} className="dots" aria-hidden="true" />;
}

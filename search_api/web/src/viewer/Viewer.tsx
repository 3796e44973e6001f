// One photo over the whole window: the picture, what is known about it, what belongs to it, what is like it.

import { ActionIcon, Button, Modal } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight, Info, X } from "lucide-react";
import { useCallback, useEffect, useMemo, useState } from "react";

import { useView } from "../address";
import { asApiError, type PhotoCard } from "../api/client";
import { photoOptions, useMay } from "../api/library";
import { BLOCK, type Search } from "../search/asked";
import { BESIDE_WORDS, withoutPart, withPart } from "../search/parts";
import { usePicture } from "../search/picture";
import { blockOptions } from "../search/request";
import { LayerContext, useKeys, useLayer } from "../shell/layers";
import { t } from "../texts";
import { useHide, useRate } from "./Edits";
import { Facts } from "./Facts";
import { Stage } from "./Stage";

interface Props {
  photoId: string;
  /** The results it is one of, to go on from it. */
  search: Search | null;
  total: number;
  /** Photos to step through, in their order, where it is not one of results. */
  around?: readonly string[];
  /** With the photo that was shown last and the one that it began with. */
  onClosed: (photoId: string, first: string) => void;
  onStacksChanged: () => void;
}

export function Viewer({ photoId, search, total, around, onClosed, onStacksChanged }: Props) {
  const { view, show, go } = useView();
  const { setPicture } = usePicture();
  const hide = useHide();
  const rate = useRate();
  const may = useMay("write");
  const [first] = useState(photoId);
  const [info, setInfo] = useState(true);
  const { data: photo, error } = useQuery(photoOptions(photoId));
  const { card, ...beside } = useNeighbours(search, total, photoId);
  const at = around?.indexOf(photoId) ?? -1;
  const placed = useMemo(
    () => ({ previous: named(around?.[at - 1]), next: named(around?.[at < 0 ? -1 : at + 1]) }),
    [around, at],
  );
  const { previous, next } = around ? placed : beside;
  const shown = photo?.photo_id === photoId ? photo : card;

  const close = useCallback(() => {
    show({ photo: null }, { replace: true });
    // The grid takes the focus once the dialog has let it go.
    window.setTimeout(() => onClosed(photoId, first));
  }, [show, onClosed, photoId, first]);
  const similar = useCallback(() => {
    setPicture(null);
    go("/", { like: photoId });
  }, [go, setPicture, photoId]);
  const dissimilar = useCallback(() => {
    const unlike = withPart(view.unlike, photoId, view.q || view.also ? BESIDE_WORDS : 1);
    show({ unlike, like: withoutPart(view.like, photoId), photo: null, random: null, sort: null });
  }, [show, view, photoId]);
  const step = useCallback(
    (to: Beside | undefined) => to && show({ photo: to.photo_id }, { replace: true }),
    [show],
  );
  const layer = useLayer(close);
  useKeys((event) => {
    if (event.key === "ArrowLeft") step(previous);
    else if (event.key === "ArrowRight") step(next);
    else if (event.key === "i") setInfo((before) => !before);
    else if (event.key === "l") similar();
    else if (event.key === "L") dissimilar();
    // Of the photo that is shown, whether all is known of it yet or not.
    else if (may && /^[1-5]$/.test(event.key)) void rate(photoId, shown?.file_name ?? "", Number(event.key));
  }, layer);
  // The next picture is there before it is asked for.
  useEffect(() => {
    for (const neighbour of [next, previous]) if (neighbour) new Image().src = neighbour.preview_url;
  }, [next, previous]);

  const unknown = !shown && error !== null && UNKNOWN.has(asApiError(error).status);
  const name = shown ? shown.title || shown.file_name : "";
  return (
    <Modal.Root opened onClose={close} closeOnEscape={false} fullScreen returnFocus={false} transitionProps={{ duration: 0 }}>
      <Modal.Content className="viewer" aria-label={unknown ? t.photo.unknown : name || t.results.photos} radius={0}>
        <LayerContext value={layer}>
          {unknown ? (
            <div className="message">
              <h1>{t.photo.unknown}</h1>
              <p>{t.photo.unknownNote}</p>
              <Button onClick={close} data-autofocus>
                {t.photo.close}
              </Button>
            </div>
          ) : (
            <div className={info ? "viewer-body" : "viewer-body without-facts"}>
              <div className="viewer-stage">
                <Stage photo={shown} photoId={photoId} />
                <div className="viewer-bar">
                  <ActionIcon variant="transparent" size="lg" aria-label={t.photo.close} onClick={close} data-autofocus>
                    <X aria-hidden="true" />
                  </ActionIcon>
                  <ActionIcon
                    variant="transparent"
                    size="lg"
                    aria-label={t.photo.info}
                    aria-pressed={info}
                    onClick={() => setInfo(!info)}
                  >
                    <Info aria-hidden="true" />
                  </ActionIcon>
                </div>
                {previous && (
                  <button type="button" className="step previous" aria-label={t.photo.previous} onClick={() => step(previous)}>
                    <ChevronLeft aria-hidden="true" />
                  </button>
                )}
                {next && (
                  <button type="button" className="step next" aria-label={t.photo.next} onClick={() => step(next)}>
                    <ChevronRight aria-hidden="true" />
                  </button>
                )}
              </div>
              {info && (
                <Facts
                  key={photoId}
                  card={shown}
                  photo={photo?.photo_id === photoId ? photo : undefined}
                  error={error}
                  onSimilar={similar}
                  onDissimilar={dissimilar}
                  onHide={() => {
                    void hide([photoId]);
                    if (next ?? previous) step(next ?? previous);
                    else close();
                  }}
                  onStacksChanged={onStacksChanged}
                />
              )}
            </div>
          )}
        </LayerContext>
      </Modal.Content>
    </Modal.Root>
  );
}

/** What the API answers to an id of no photo, and to what is no id. */
const UNKNOWN: ReadonlySet<number> = new Set([404, 422]);

type Beside = Pick<PhotoCard, "photo_id" | "preview_url">;

const named = (photoId: string | undefined): Beside | undefined =>
  photoId ? { photo_id: photoId, preview_url: `/api/v1/images/${photoId}/preview` } : undefined;

/** The photo in its results, and those beside it, fetched when they are in another block. */
function useNeighbours(search: Search | null, total: number, photoId: string) {
  const queries = useQueryClient();
  let index = -1;
  if (search) {
    for (let block = 0; block * BLOCK < total && index < 0; block += 1) {
      const hits = queries.getQueryData(blockOptions(search, block).queryKey)?.hits;
      const at = hits?.findIndex((hit) => hit.photo_id === photoId) ?? -1;
      if (at >= 0) index = block * BLOCK + at;
    }
  }
  const before = useHit(search, index > 0 ? index - 1 : -1);
  const after = useHit(search, index >= 0 && index + 1 < total ? index + 1 : -1);
  const card = useHit(search, index);
  return { card, previous: before, next: after };
}

function useHit(search: Search | null, index: number): PhotoCard | undefined {
  const block = Math.max(0, Math.floor(index / BLOCK));
  const asked = search ?? NONE;
  const { data } = useQuery({ ...blockOptions(asked, block), enabled: search !== null && index >= 0 });
  return search && index >= 0 ? data?.hits[index % BLOCK] : undefined;
}

const NONE: Search = { body: {} as Search["body"], picture: null, seed: null, key: "none" };

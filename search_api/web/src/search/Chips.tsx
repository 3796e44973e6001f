// Parts of a search as chips: each can weigh more or less, be turned round, or go.

import { CloseButton, Popover, SegmentedControl, VisuallyHidden } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";

import { useView } from "../address";
import { t } from "../texts";
import { type Part, type PartKey, parts, WEIGHTS, withoutPart, withPart, writtenParts } from "./parts";
import { usePicture } from "./picture";

// The part that says the opposite.
const TURNED: Record<PartKey, PartKey> = { like: "unlike", unlike: "like", also: "not", not: "also" };

/** The photos that a search goes by, and the person's own picture. */
export function PictureChips() {
  const { view } = useView();
  const { picture, setPicture } = usePicture();
  return (
    <>
      {picture && <OwnPicture picture={picture} onRemove={() => setPicture(null)} />}
      {(["like", "unlike"] as const).flatMap((key) =>
        parts(view[key]).map((part) => (
          <PartChip
            key={`${key} ${part.value}`}
            at={key}
            part={part}
            what={t.search.thisPhoto}
            image={`/api/v1/images/${encodeURIComponent(part.value)}/thumbnail`}
          />
        )),
      )}
    </>
  );
}

/** The texts that stand beside the words of the search box. */
export function TextChips() {
  const { view } = useView();
  return (["also", "not"] as const).flatMap((key) =>
    parts(view[key]).map((part) => <PartChip key={`${key} ${part.value}`} at={key} part={part} what={part.value} />),
  );
}

function PartChip({ at, part, what, image }: { at: PartKey; part: Part; what: string; image?: string }) {
  const { view, show } = useView();
  const unwanted = at === "unlike" || at === "not";
  const remove = () => show({ [at]: withoutPart(view[at], part.value), sort: null });
  const weigh = (weight: number) =>
    show({ [at]: writtenParts(parts(view[at]).map((each) => (each.value === part.value ? { ...each, weight } : each))) });
  const turn = () =>
    show({ [at]: withoutPart(view[at], part.value), [TURNED[at]]: withPart(view[TURNED[at]], part.value) });
  const said = unwanted ? t.parts.less(what) : t.parts.more(what);
  const weights = [...new Set([...WEIGHTS, part.weight])].sort((one, other) => one - other);
  return (
    <span className={unwanted ? "chip part unwanted" : "chip part"}>
      <Popover position="bottom-start" shadow="md" trapFocus returnFocus withinPortal transitionProps={{ duration: 0 }}>
        <Popover.Target>
          <button type="button">
            <VisuallyHidden>{`${said}, ${t.parts.times(part.weight)}`}</VisuallyHidden>
            <span className="shown" aria-hidden="true">
              {unwanted && "−"}
              {image ? <Picture image={image} text={said} /> : <span>{what}</span>}
              {part.weight !== 1 && <small>×{part.weight}</small>}
            </span>
          </button>
        </Popover.Target>
        <Popover.Dropdown aria-label={said} className="part-choices">
          <SegmentedControl
            aria-label={t.parts.direction}
            fullWidth
            size="xs"
            value={unwanted ? "less" : "more"}
            onChange={turn}
            data={[
              { value: "more", label: image ? t.parts.moreLike : t.parts.with },
              { value: "less", label: image ? t.parts.lessLike : t.parts.without },
            ]}
          />
          <p id={`weight-${at}`}>{t.parts.weight}</p>
          <SegmentedControl
            aria-labelledby={`weight-${at}`}
            fullWidth
            size="xs"
            value={String(part.weight)}
            onChange={(value) => weigh(Number(value))}
            data={weights.map((weight) => ({ value: String(weight), label: `×${weight}` }))}
          />
        </Popover.Dropdown>
      </Popover>
      <CloseButton size="xs" aria-label={t.search.remove(what)} onClick={remove} />
    </span>
  );
}

function OwnPicture({ picture, onRemove }: { picture: File; onRemove: () => void }) {
  const url = useMemo(() => URL.createObjectURL(picture), [picture]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return (
    <span className="chip part">
      <Picture image={url} text={t.search.like(t.search.yourPicture)} />
      <CloseButton size="xs" aria-label={t.search.remove(t.search.yourPicture)} onClick={onRemove} />
    </span>
  );
}

function Picture({ image, text }: { image: string; text: string }) {
  const [shown, setShown] = useState(true); // a browser cannot show every picture that can be searched with
  useEffect(() => setShown(true), [image]);
  return shown ? <img src={image} alt={text} onError={() => setShown(false)} /> : text;
}

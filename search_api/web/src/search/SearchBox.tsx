// One box for words, with what they are searched together with.

import { ActionIcon, CloseButton, Indicator, Tooltip } from "@mantine/core";
import { ImageUp, Search, SlidersHorizontal } from "lucide-react";
import { useEffect, useId, useMemo, useRef, useState } from "react";

import { useView } from "../address";
import { t } from "../texts";
import { usePicture } from "./picture";
import { hasFilters } from "./request";

const TYPING_PAUSE_MS = 350;
const PICTURES = "image/*,.dng,.nef,.cr2,.cr3,.arw,.raf,.rw2,.orf,.heic,.heif,.avif";

interface Props {
  filtersOpen: boolean;
  setFiltersOpen: (open: boolean) => void;
}

export function SearchBox({ filtersOpen, setFiltersOpen }: Props) {
  const { view, path, show, go } = useView();
  const { picture, setPicture } = usePicture();
  const [text, setText] = useState(view.q ?? "");
  const input = useRef<HTMLInputElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const typing = useRef(0);
  const hintId = useId();
  const onPhotos = path === "/";

  // The address says what is searched for; while somebody writes, their words go before it.
  const said = view.q ?? "";
  const sent = useRef(said);
  useEffect(() => {
    if (said !== sent.current) setText(said);
    sent.current = said;
  }, [said]);

  const submit = (words: string, replace: boolean) => {
    window.clearTimeout(typing.current);
    const q = words.trim();
    if (q === said && onPhotos) return;
    sent.current = q;
    // With a picture or a photo in the box the words are added to it; alone they start a new search.
    if (onPhotos) show({ q: q || null, sort: null, photo: null }, { replace });
    else if (q) go("/", { q });
  };

  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const elsewhere = (event.target as HTMLElement).matches?.("input, select, textarea");
      if (event.key !== "/" || elsewhere || document.querySelector("[role=dialog]")) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);

  const chips = Boolean(picture || view.like);
  return (
    <form
      role="search"
      className="search-box"
      onSubmit={(event) => {
        event.preventDefault();
        submit(text, false);
      }}
    >
      <Search size={18} aria-hidden="true" className="glyph" />
      {picture && <PictureChip picture={picture} onRemove={() => setPicture(null)} />}
      {view.like && onPhotos && (
        <Chip
          image={`/api/v1/images/${encodeURIComponent(view.like)}/thumbnail`}
          what={t.search.thisPhoto}
          onRemove={() => show({ like: null, sort: null })}
        />
      )}
      <input
        ref={input}
        type="search"
        aria-label={t.search.label}
        aria-describedby={hintId}
        placeholder={chips ? t.search.addWords : t.search.placeholder}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        maxLength={500}
        enterKeyHint="search"
        value={text}
        onChange={(event) => {
          const words = event.currentTarget.value;
          setText(words);
          window.clearTimeout(typing.current);
          if (onPhotos) typing.current = window.setTimeout(() => submit(words, true), TYPING_PAUSE_MS);
        }}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          window.dispatchEvent(new Event("loupe:to-photos"));
        }}
      />
      <span id={hintId} hidden>
        {t.search.hint}
      </span>
      {text ? (
        <CloseButton
          size="sm"
          aria-label={t.search.clear}
          onClick={() => {
            setText("");
            submit("", false);
            input.current?.focus();
          }}
        />
      ) : (
        <kbd aria-hidden="true">/</kbd>
      )}
      <Tooltip label={t.search.withPicture} openDelay={500}>
        <ActionIcon variant="subtle" color="gray" aria-label={t.search.withPicture} onClick={() => file.current?.click()}>
          <ImageUp size={18} aria-hidden="true" />
        </ActionIcon>
      </Tooltip>
      <input
        ref={file}
        type="file"
        hidden
        accept={PICTURES}
        onChange={(event) => {
          const chosen = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (!chosen) return;
          setPicture(chosen);
          go("/");
        }}
      />
      {onPhotos && (
        <Tooltip label={t.search.filters} openDelay={500}>
          <Indicator disabled={!hasFilters(view)} size={7} offset={5}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t.search.filters}
              aria-expanded={filtersOpen}
              aria-controls={filtersOpen ? "filters" : undefined}
              onClick={() => setFiltersOpen(!filtersOpen)}
            >
              <SlidersHorizontal size={18} aria-hidden="true" />
            </ActionIcon>
          </Indicator>
        </Tooltip>
      )}
    </form>
  );
}

function PictureChip({ picture, onRemove }: { picture: File; onRemove: () => void }) {
  const url = useMemo(() => URL.createObjectURL(picture), [picture]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return <Chip image={url} what={t.search.yourPicture} onRemove={onRemove} />;
}

function Chip({ image, what, onRemove }: { image: string; what: string; onRemove: () => void }) {
  const [shown, setShown] = useState(true); // a browser cannot show every picture that can be searched with
  useEffect(() => setShown(true), [image]);
  return (
    <span className="chip">
      {shown ? <img src={image} alt={t.search.like(what)} onError={() => setShown(false)} /> : t.search.like(what)}
      <CloseButton size="xs" aria-label={t.search.remove(what)} onClick={onRemove} />
    </span>
  );
}

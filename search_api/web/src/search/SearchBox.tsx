// One box for words, with what they are searched together with and what may be typed next.

import { ActionIcon, CloseButton, Indicator, Tooltip } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { ImageUp, Search, SlidersHorizontal } from "lucide-react";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";

import { useView } from "../address";
import type { Suggestion } from "../api/client";
import { useKeys } from "../shell/layers";
import { t } from "../texts";
import { number } from "../wording";
import { PictureChips } from "./Chips";
import { usePicture } from "./picture";
import { hasFilters } from "./asked";
import { suggestOptions, taken, type Written } from "./suggestions";

const TYPING_PAUSE_MS = 350;
const SUGGEST_PAUSE_MS = 120;
const PICTURES = "image/*,.dng,.nef,.cr2,.cr3,.arw,.raf,.rw2,.orf,.heic,.heif,.avif";

export function SearchBox() {
  const { view, path, show, go } = useView();
  const { picture, setPicture } = usePicture();
  const [text, setText] = useState(view.q ?? "");
  const input = useRef<HTMLInputElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const typing = useRef(0);
  const hintId = useId();
  const onPhotos = ["/", "/map", "/places"].includes(path); // where words show what they find at once

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
    if (onPhotos) show({ q: q || null, sort: null, random: null, photo: null, ...(path === "/places" && { at: null }) }, { replace });
    else if (q) go("/", { q });
  };
  // With the address as it is when the time has come.
  const latest = useRef(submit);
  useEffect(() => {
    latest.current = submit;
  });

  // What was typed just before is not searched for once a person has gone elsewhere.
  useEffect(() => () => window.clearTimeout(typing.current), [path, view.photo]);

  useKeys((event) => {
    if (event.key !== "/") return;
    event.preventDefault();
    input.current?.focus();
    input.current?.select();
  });

  const list = useSuggestions(text, (written, whole) => {
    setText(written.text);
    window.requestAnimationFrame(() => input.current?.setSelectionRange(written.caret, written.caret));
    if (whole && onPhotos) submit(written.text, true);
  });
  const chips = Boolean(picture || view.like || view.unlike) && onPhotos;
  return (
    <form
      role="search"
      className="search-box"
      onSubmit={(event) => {
        event.preventDefault();
        list.close();
        submit(text, false);
      }}
    >
      <Search size={18} aria-hidden="true" className="glyph" />
      {chips && (
        <span className="chips">
          <PictureChips />
        </span>
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
        {...list.box}
        onChange={(event) => {
          const words = event.currentTarget.value;
          setText(words);
          list.typed(event.currentTarget.selectionStart ?? words.length);
          window.clearTimeout(typing.current);
          if (onPhotos) typing.current = window.setTimeout(() => latest.current(words, true), TYPING_PAUSE_MS);
        }}
        onBlur={list.close}
        onKeyDown={(event) => {
          if (list.onKey(event) || event.key !== "ArrowDown") return;
          event.preventDefault();
          window.dispatchEvent(new Event("loupe:to-photos"));
        }}
      />
      <span id={hintId} hidden>
        {t.search.hint}
      </span>
      {text ? (
        <Tooltip label={t.search.clear}>
          <CloseButton
            size="sm"
            aria-label={t.search.clear}
            onClick={() => {
              setText("");
              submit("", false);
              input.current?.focus();
            }}
          />
        </Tooltip>
      ) : (
        <kbd aria-hidden="true">/</kbd>
      )}
      <Tooltip label={t.search.withPicture}>
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
      {path === "/" && (
        <Tooltip label={t.search.filters}>
          <Indicator disabled={!hasFilters(view)} size={7} offset={5}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t.search.filters}
              aria-expanded={Boolean(view.panel)}
              aria-controls={view.panel ? "filters" : undefined}
              onClick={() => show({ panel: view.panel ? null : "1" }, { replace: true })}
            >
              <SlidersHorizontal size={18} aria-hidden="true" />
            </ActionIcon>
          </Indicator>
        </Tooltip>
      )}
      {list.shown}
    </form>
  );
}

/** The list below the box, by the pattern of an editable combobox: the focus stays in the box. */
function useSuggestions(text: string, take: (written: Written, whole: boolean) => void) {
  const id = useId();
  const [caret, setCaret] = useState<number | null>(null); // null: closed
  const [active, setActive] = useState(-1);
  const written = useMemo(() => (caret === null ? null : { text, caret }), [text, caret]);
  const [asked] = useDebouncedValue(written, SUGGEST_PAUSE_MS);
  const { data } = useQuery({ ...suggestOptions(asked ?? { text: "", caret: 0 }), enabled: Boolean(asked?.text.trim()) });
  // What was meant by another text would be put in at the wrong place of this one.
  const open = caret !== null && text.trim() !== "" && data?.text === text && data.caret === caret;
  const options = open ? data.suggestions : [];
  const close = () => {
    setCaret(null);
    setActive(-1);
  };
  const choose = (option: Suggestion) => {
    const next = taken(text, option);
    take(next, option.kind !== "field");
    setActive(-1);
    setCaret(option.kind === "field" ? next.caret : null);
  };
  /** Whether the key was for the list. */
  const onKey = (event: KeyboardEvent): boolean => {
    if (event.key === "Escape" && options.length === 0) close(); // what is still being asked for does not come up later
    if (options.length === 0) return false;
    const option = options[active];
    if (event.key === "ArrowDown") setActive((active + 1) % options.length);
    else if (event.key === "ArrowUp") setActive(active <= 0 ? options.length - 1 : active - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && option) choose(option);
    else return false;
    event.preventDefault();
    return true;
  };
  useEffect(() => {
    if (active >= 0) document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [id, active]);
  const expanded = options.length > 0;
  return {
    onKey,
    close,
    typed: (at: number) => {
      setCaret(at);
      setActive(-1);
    },
    box: {
      role: "combobox",
      "aria-autocomplete": "list",
      "aria-expanded": expanded,
      "aria-controls": expanded ? id : undefined,
      "data-mantine-stop-propagation": expanded || undefined, // Escape closes the list and nothing else
      "aria-activedescendant": expanded && active >= 0 ? `${id}-${active}` : undefined,
    } as const,
    shown: expanded && (
      <ul id={id} role="listbox" aria-label={t.search.suggestions} className="suggestions">
        {options.map((option, at) => (
          <li
            key={`${option.kind} ${option.insert}`}
            id={`${id}-${at}`}
            role="option"
            aria-selected={at === active}
            // Before the box loses the focus.
            onMouseDown={(event) => {
              event.preventDefault();
              choose(option);
            }}
          >
            {option.kind === "field" ? (
              <>
                <code>{option.insert}</code> <span className="what">{option.label}</span>
              </>
            ) : (
              <>
                {option.field && <span className="what">{t.search.fields[option.field] ?? option.field}</span>}{" "}
                <span className="value">{option.label}</span>
                {option.count != null && <span className="count">{number(option.count)}</span>}
              </>
            )}
          </li>
        ))}
      </ul>
    ),
  };
}

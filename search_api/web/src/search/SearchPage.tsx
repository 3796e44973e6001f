// Photos: what was searched for, or all of them, newest first.

import { Anchor, Button, CloseButton, NativeSelect } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";

import { address, FILTER_KEYS, type FilterKey, useView, type View, withoutFilters } from "../address";
import { ApiError, asApiError, type SearchReply } from "../api/client";
import { useStatus } from "../api/library";
import { type GridHandle, GridPlaceholder, PhotoGrid } from "../grid/PhotoGrid";
import { useAddPhotos } from "../shell/AddPhotos";
import { t } from "../texts";
import { nameOf } from "../wording";
import { Viewer } from "../viewer/Viewer";
import { Filters } from "./Filters";
import { usePicture } from "./picture";
import { useSearchSoon } from "./refresh";
import { blockOptions, hasFilters, hasQuery, searchOf, type Search } from "./request";

export function SearchPage({ filtersOpen }: { filtersOpen: boolean }) {
  const { view, show } = useView();
  const { picture, pictureId } = usePicture();
  const searchSoon = useSearchSoon();
  const grid = useRef<GridHandle>(null);
  const titleId = useId();

  const asked = useAsked(view, picture, pictureId);
  const first = useQuery({
    ...blockOptions(asked, 0),
    retry: (_, error) => asApiError(error).code === "INDEX_LOADING",
    retryDelay: 1500,
  });
  // The former results stay until the new ones are there.
  const [settled, setSettled] = useState<{ search: Search; title: (reply: SearchReply | undefined) => string } | null>(null);
  const shown = settled?.search ?? null;
  if (first.isSuccess && shown?.key !== asked.key) {
    setSettled({ search: asked, title: (reply) => titleOf(reply, view, picture) });
  }
  const shownReply = useQuery({ ...blockOptions(shown ?? asked, 0), enabled: shown !== null }).data;
  useEffect(() => {
    if (shown) window.scrollTo({ top: 0 });
  }, [shown?.key]); // eslint-disable-line

  useFreshness(view, picture);
  const error = first.isError ? asApiError(first.error) : null;
  const opening = first.failureReason ? asApiError(first.failureReason).code === "INDEX_LOADING" : false;
  const reply = error ? undefined : shownReply;
  const title = error || !settled ? t.results.photos : settled.title(reply);
  useEffect(() => {
    document.title = view.q ? `${view.q} · ${t.brand}` : t.brand;
  }, [view.q]);

  const open = useCallback((photoId: string) => show({ photo: photoId }), [show]);
  const hrefOf = useCallback((photoId: string) => address(view, { photo: photoId }), [view]);
  const empty = first.isSuccess && first.data.total === 0;
  const visible = shown && shownReply && !error && !(empty && shown.key === asked.key);

  return (
    <main id="content" tabIndex={-1} aria-busy={first.isFetching}>
      {filtersOpen && <Filters />}
      <div className="result-head">
        <h1 id={titleId} aria-live="polite">
          {title}
        </h1>
        <span className="note">{reply?.warnings?.map((warning) => warning.message).join(" ")}</span>
        {!filtersOpen && <ActiveFilters view={view} show={show} />}
        {reply && reply.total > 1 && (
          <NativeSelect
            className="sort"
            aria-label={t.search.sort}
            size="xs"
            value={view.sort ?? (hasQuery(view, picture) ? "relevance" : "newest")}
            onChange={(event) => show({ sort: event.currentTarget.value })}
            data={[
              ...(hasQuery(view, picture) ? [{ value: "relevance", label: t.search.sorts.relevance }] : []),
              { value: "newest", label: t.search.sorts.newest },
              { value: "oldest", label: t.search.sorts.oldest },
            ]}
          />
        )}
      </div>
      {!hasQuery(view, picture) && !hasFilters(view) && <Examples reply={reply} />}

      {error ? (
        <Failed error={error} again={() => void first.refetch()} />
      ) : opening ? (
        <Message title={t.states.opening} note={t.states.openingNote} />
      ) : empty ? (
        <Empty view={view} picture={picture} clear={() => show(withoutFilters())} />
      ) : null}
      {visible ? (
        <PhotoGrid
          ref={grid}
          search={shown}
          total={shownReply.total}
          relevant={shown.body.sort === "relevance" ? (shownReply.relevant ?? null) : null}
          labelledBy={titleId}
          hrefOf={hrefOf}
          onOpen={open}
          stale={shown.key !== asked.key}
        />
      ) : (
        !error && !empty && !opening && <GridPlaceholder />
      )}
      <GridKeys grid={grid} />
      {view.photo && (
        <Viewer
          photoId={view.photo}
          search={shown}
          total={shownReply?.total ?? 0}
          onClosed={(photoId) => grid.current?.focus(photoId)}
          onStacksChanged={searchSoon}
        />
      )}
    </main>
  );
}

function useAsked(view: View, picture: File | null, pictureId: number): Search {
  const made = searchOf(view, picture, pictureId);
  // The same object as long as nothing but the open photo differs.
  return useMemo(() => made, [made.key]); // eslint-disable-line
}

function titleOf(reply: SearchReply | undefined, view: View, picture: File | null): string {
  if (!reply) return t.results.photos;
  if (view.like) return t.results.like;
  if (picture) return t.results.likePicture;
  if (view.q && reply.relevant != null) return t.results.matches(reply.relevant, view.q);
  return hasQuery(view, picture) ? t.results.bestFirst(reply.total) : t.results.count(reply.total);
}

/** What comes in while somebody looks: shown at once where it cannot disturb, marked old elsewhere. */
function useFreshness(view: View, picture: File | null) {
  const { data: status } = useStatus();
  const queries = useQueryClient();
  const before = useRef<string | null>(null);
  const plain = !hasQuery(view, picture) && !hasFilters(view) && !view.photo;
  const now = status ? `${status.photos} ${status.points}` : null;
  useEffect(() => {
    if (now === null || now === before.current) return;
    const isFirst = before.current === null;
    before.current = now;
    if (isFirst) return;
    const undisturbed = plain && window.scrollY < window.innerHeight;
    void queries.invalidateQueries({ queryKey: ["search"], refetchType: undisturbed ? "active" : "none" });
    void queries.invalidateQueries({ queryKey: ["facets"] });
  }, [now, plain, queries]);
}

/** Arrow down in the search box goes to the photos. */
function GridKeys({ grid }: { grid: React.RefObject<GridHandle | null> }) {
  useEffect(() => {
    const listen = () => grid.current?.focusFirst();
    window.addEventListener("loupe:to-photos", listen);
    return () => window.removeEventListener("loupe:to-photos", listen);
  }, [grid]);
  return null;
}

function ActiveFilters({ view, show }: { view: View; show: ReturnType<typeof useView>["show"] }) {
  const active = FILTER_KEYS.filter((key) => view[key]);
  if (active.length === 0) return null;
  return (
    <span className="active-filters">
      {active.map((key) => (
        <span className="chip" key={key}>
          {describe(key, view[key] ?? "")}
          <CloseButton size="xs" aria-label={t.search.remove(describe(key, view[key] ?? ""))} onClick={() => show({ [key]: null })} />
        </span>
      ))}
      <Anchor component="button" type="button" size="sm" onClick={() => show(withoutFilters())}>
        {t.filters.clearShort}
      </Anchor>
    </span>
  );
}

function describe(key: FilterKey, value: string): string {
  const f = t.filters;
  switch (key) {
    case "not":
      return `${f.without}: ${value}`;
    case "from":
      return `${f.from} ${value}`;
    case "to":
      return `${f.to} ${value}`;
    case "folder":
      return `${f.folder}: ${nameOf(value)}`;
    case "motion":
      return f.motions[value as keyof typeof f.motions] ?? value;
    case "stacks":
      return f.stackChoices[value as keyof typeof f.stackChoices] ?? value;
    case "mode":
      return f.modes[value as keyof typeof f.modes] ?? value;
    default:
      return value;
  }
}

/** Searches to begin with, in the words that the library's own photos are described by. */
function Examples({ reply }: { reply: SearchReply | undefined }) {
  const { go } = useView();
  const examples = useMemo(() => {
    const captions = (reply?.hits ?? []).map((hit) => hit.caption ?? "").filter((caption) => caption && caption.length < 44);
    return [...new Set(captions)].slice(0, 4);
  }, [reply]);
  if (examples.length === 0) return null;
  return (
    <p className="examples">
      {t.search.examples}{" "}
      {examples.map((example) => (
        <Anchor key={example} component="button" type="button" size="sm" onClick={() => go("/", { q: example })}>
          {example}
        </Anchor>
      ))}
    </p>
  );
}

function Message({ title, note, children }: { title: string; note: string; children?: ReactNode }) {
  return (
    <div className="message">
      <h2>{title}</h2>
      <p>{note}</p>
      {children}
    </div>
  );
}

function Empty({ view, picture, clear }: { view: View; picture: File | null; clear: () => void }) {
  const { data: status } = useStatus();
  const add = useAddPhotos();
  const filtered = hasFilters(view);
  if (filtered || hasQuery(view, picture)) {
    return (
      <Message title={t.states.noMatch} note={t.states.noMatchNote}>
        {filtered && (
          <Button variant="default" onClick={clear}>
            {t.filters.clear}
          </Button>
        )}
      </Message>
    );
  }
  if (status && (status.total > 0 || status.job)) return <Message title={t.states.reading} note={t.states.readingNote} />;
  return (
    <div className="message first">
      <h2>{t.states.first}</h2>
      <p>{t.states.firstNote}</p>
      <Button size="lg" onClick={add.open}>
        {t.nav.addPhotos}
      </Button>
      <p className="then">
        {t.states.firstExamples}
        {t.states.firstQueries.map((query) => (
          <em key={query}>{query}</em>
        ))}
      </p>
    </div>
  );
}

function Failed({ error, again }: { error: ApiError; again: () => void }) {
  const { show } = useView();
  const { setPicture } = usePicture();
  const byWords = ["SEARCH_BY_CONTENT_OFF", "MODEL_NOT_FETCHED", "MODEL_LOADING"].includes(error.code);
  return (
    <Message title={t.states.titles[error.code] ?? t.states.failed} note={error.message}>
      {byWords ? (
        <Button
          onClick={() => {
            setPicture(null);
            show({ mode: "words" });
          }}
        >
          {t.states.byWords}
        </Button>
      ) : (
        <Button onClick={again}>{t.tryAgain}</Button>
      )}
    </Message>
  );
}

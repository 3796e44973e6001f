// Photos: what was searched for, or all of them, newest first.

import { Anchor, Button, CloseButton, Drawer, NativeSelect } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Bookmark, Gauge, Shuffle } from "lucide-react";
import { lazy, type ReactNode, Suspense, useCallback, useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { Link } from "wouter";

import { useView } from "../address";
import { ApiError, asApiError, type SearchReply } from "../api/client";
import { useMay, useStatus } from "../api/library";
import { type GridHandle, GridPlaceholder, PhotoGrid } from "../grid/PhotoGrid";
import { useSelection } from "../grid/selection";
import { readArea } from "../map/area";
import { useAddPhotos } from "../shell/AddPhotos";
import { LayerContext, useLayer } from "../shell/layers";
import { Tool } from "../shell/Tool";
import { WayOut } from "../shell/Trouble";
import { t } from "../texts";
import { address, FILTER_KEYS, type FilterKey, listed, type View, withoutFilters } from "../view";
import { nameOf } from "../wording";
import { TextChips } from "./Chips";
import { usePicture } from "./picture";
import { useSearchSoon } from "./refresh";
import { hasFilters, hasQuery, searchOf, type Search } from "./asked";
import { blockOptions, facetsOf, wholeOptions } from "./request";
import { TimeRail } from "./TimeRail";

const FacetPanel = lazy(() => import("./Facets").then((module) => ({ default: module.FacetPanel })));
const SelectionBar = lazy(() => import("../selection/SelectionBar").then((module) => ({ default: module.SelectionBar })));
const SaveSearch = lazy(() => import("./SaveSearch").then((module) => ({ default: module.SaveSearch })));
const Viewer = lazy(() => import("../viewer/Viewer").then((module) => ({ default: module.Viewer })));

const STARTING_MS = 2000;

export function SearchPage() {
  const { view, show } = useView();
  const { picture, pictureId } = usePicture();
  const searchSoon = useSearchSoon();
  const mayKeep = useMay("write");
  const [keeping, setKeeping] = useState(false);
  const grid = useRef<GridHandle>(null);
  const titleId = useId();

  const asked = useAsked(view, picture, pictureId);
  const first = useQuery(blockOptions(asked, 0));
  // The former results stay until the new ones are there.
  const [arrived, setArrived] = useState<{ search: Search; title: (reply: SearchReply | undefined) => string } | null>(null);
  if (first.data !== undefined && arrived?.search.key !== asked.key) {
    setArrived({ search: asked, title: (reply) => titleOf(reply, view, picture) });
  }
  // They are drawn in small steps, so that who goes on typing is not held up.
  const settled = useDeferredValue(arrived) ?? arrived;
  const shown = settled?.search ?? null;
  const firstReply = useQuery({ ...blockOptions(shown ?? asked, 0), enabled: shown !== null }).data;
  const asksWhole = shown !== null && firstReply !== undefined && !firstReply.relevant_exact;
  const whole = useQuery({ ...wholeOptions(shown ?? asked), enabled: asksWhole }).data;
  const shownReply = useMemo(() => (asksWhole && whole ? { ...whole, hits: firstReply.hits } : firstReply), [asksWhole, whole, firstReply]);
  const above = useRef(shown?.key);
  useEffect(() => {
    if (above.current && above.current !== shown?.key) window.scrollTo({ top: 0 });
    above.current = shown?.key;
  }, [shown?.key]);

  const wordsOnly = first.data?.warnings.some(({ code }) => code === "MODEL_LOADING") ?? false;
  useAskedAgain(wordsOnly);
  useFreshness(view, picture);
  const failed = first.isError ? asApiError(first.error) : null;
  // A query that is half written is no reason to take away what is shown, nor is a list that could not be asked anew.
  const kept = failed && (first.data !== undefined || (shown !== null && failed.status >= 400 && failed.status < 500 && failed.code.startsWith("QUERY_")));
  const error = kept ? null : failed;
  const unread = kept ? asked.key : null;
  useEffect(() => {
    if (unread) window.scrollTo({ top: 0 }); // where it is said
  }, [unread]);
  const waiting = first.isPending && first.failureReason ? asApiError(first.failureReason).code : null;
  const opening = waiting === "INDEX_LOADING";
  const starting = waiting === "MODEL_LOADING" || (wordsOnly && first.data?.total === 0);
  const reply = error ? undefined : shownReply;
  const title = error || !settled ? t.results.photos : settled.title(reply);
  useEffect(() => {
    document.title = view.q ? `${view.q} · ${t.brand}` : t.brand;
  }, [view.q]);

  const open = useCallback((photoId: string) => show({ photo: photoId }), [show]);
  const hrefOf = useCallback((photoId: string) => address(view, { photo: photoId }), [view]);
  const empty = first.data?.total === 0;
  const narrow = useMediaQuery("(max-width: 860px)", false, { getInitialValueInEffect: false });
  const ranked = hasQuery(view, picture) && !view.random;
  const plain = shown?.key === asked.key && !hasQuery(view, picture) && !hasFilters(view) && !view.random;
  const shownRelevant = shown?.body.sort === "relevance" && shown.seed === null ? (shownReply?.relevant ?? null) : null;
  const selection = useSelection(shown, shownReply?.total ?? 0, shownReply?.relevant ?? null);
  const visible = shown && shownReply && !error && !(empty && shown.key === asked.key);

  return (
    <div className={view.panel && !narrow ? "photos-page with-panel" : "photos-page"}>
      {view.panel && (
        <Panel narrow={narrow} total={reply?.total} onClose={() => show({ panel: null }, { replace: true })}>
          <FacetPanel />
        </Panel>
      )}
      <main id="content" tabIndex={-1} aria-busy={first.isFetching}>
        <div className="result-head">
          <h1 id={titleId} aria-live="polite">
            {title}
          </h1>
          <span className="note" role="status">
            {kept ? (
              <>
                {failed.message} <WayOut error={failed} quiet />
              </>
            ) : (
              reply?.warnings?.map((warning) => warning.message).join(" ")
            )}
          </span>
          {plain && reply && reply.total > 0 && reply.photos > reply.total && (
            <span className="note">
              {t.results.ofAll(reply.photos)} · <Link href={address(view, { stacks: "all" })}>{t.results.inStacks(reply.photos - reply.total)}</Link>
            </span>
          )}
          <span className="active-filters">
            <TextChips />
            {!(view.panel && !narrow) && <ActiveFilters view={view} show={show} />}
          </span>
          <span className="result-tools">
            {ranked && reply && reply.total > 0 && (
              <Tool label={t.search.scores} pressed={Boolean(view.scores)} onClick={() => show({ scores: view.scores ? null : "1" }, { replace: true })}>
                <Gauge size={17} aria-hidden="true" />
              </Tool>
            )}
            {mayKeep && !failed && !picture && !view.saved && (hasQuery(view, picture) || hasFilters(view)) && (
            <Tool label={t.saved.save} onClick={() => setKeeping(true)}>
              <Bookmark size={17} aria-hidden="true" />
            </Tool>
          )}
          {reply && (reply.total > 1 || view.random) && !picture && !view.saved && (
              <Tool label={view.random ? t.search.otherChance : t.search.chance} onClick={() => show({ random: newSeed(), photo: null }, { replace: Boolean(view.random) })}>
                <Shuffle size={17} aria-hidden="true" />
              </Tool>
            )}
            {view.random && (
              <Button size="compact-sm" variant="default" onClick={() => show({ random: null })}>
                {t.search.inOrder}
              </Button>
            )}
            {reply && reply.total > 1 && !view.random && !view.saved && (
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
          </span>
        </div>
        {!hasQuery(view, picture) && !hasFilters(view) && <Examples reply={reply} />}

        {error ? (
          <Failed error={error} again={() => void first.refetch()} />
        ) : opening ? (
          <Message title={t.states.opening} note={t.states.openingNote} />
        ) : starting ? (
          <Message title={t.states.titles.MODEL_LOADING ?? ""} note={t.states.startingNote} />
        ) : empty ? (
          <Empty view={view} picture={picture} clear={() => show(withoutFilters())} />
        ) : null}
        {visible ? (
          <PhotoGrid
            ref={grid}
            search={shown}
            total={shownReply.total}
            relevant={shownRelevant}
            selection={selection}
            labelledBy={titleId}
            hrefOf={hrefOf}
            onOpen={open}
            stale={shown.key !== asked.key}
            scores={Boolean(view.scores) && ranked}
          />
        ) : (
          !error && !empty && !opening && !starting && <GridPlaceholder />
        )}
        <GridKeys grid={grid} />
        {visible && shown.body.sort !== "relevance" && shown.seed === null && !narrow && (
          <Rail view={view} total={shownReply.total} newestFirst={shown.body.sort === "newest"} grid={grid} />
        )}
        {keeping && (
          <Suspense fallback={null}>
            <SaveSearch view={view} onClose={() => setKeeping(false)} />
          </Suspense>
        )}
        {selection.count > 0 && !view.photo && (
          <Suspense fallback={null}>
            <SelectionBar selection={selection} view={view} />
          </Suspense>
        )}
        {view.photo && (
          <Suspense fallback={null}>
            <Viewer
              photoId={view.photo}
              search={shown}
              total={shownReply?.total ?? 0}
              onClosed={(photoId, first) => {
                if (!grid.current?.focus(photoId) && !grid.current?.focus(first)) document.getElementById("content")?.focus();
              }}
              onStacksChanged={searchSoon}
            />
          </Suspense>
        )}
      </main>
    </div>
  );
}

const newSeed = (): string => String(Math.floor(Math.random() * 1e9));

/** What photos can be narrowed by: beside them, over them where the window is narrow. */
function Panel({ narrow, total, onClose, children }: { narrow: boolean; total: number | undefined; onClose: () => void; children: ReactNode }) {
  const layer = useLayer(onClose, { opened: narrow });
  const shown = <Suspense fallback={null}>{children}</Suspense>;
  if (!narrow) {
    return (
      <aside id="filters" className="facets" aria-label={t.filters.label}>
        {shown}
      </aside>
    );
  }
  return (
    <Drawer.Root opened onClose={onClose} closeOnEscape={false} size="100%" lockScroll={false} transitionProps={{ duration: 0 }}>
      <Drawer.Content id="filters" aria-label={t.filters.label}>
        <Drawer.Body>
          <div className="facets">
            <LayerContext value={layer}>{shown}</LayerContext>
          </div>
          <div className="facets-foot">
            <Button fullWidth onClick={onClose}>
              {total === undefined ? t.close : t.filters.show(total)}
            </Button>
          </div>
        </Drawer.Body>
      </Drawer.Content>
    </Drawer.Root>
  );
}

/** Years and months beside photos by date. */
function Rail({ view, ...rest }: { view: View; total: number; newestFirst: boolean; grid: React.RefObject<GridHandle | null> }) {
  const { data } = useQuery(facetsOf(view));
  // While they do not belong together, a place on the rail would be another's.
  if (!data || data.total !== rest.total) return null;
  return <TimeRail months={data.months} undated={data.undated} {...rest} />;
}

function useAsked(view: View, picture: File | null, pictureId: number): Search {
  const made = searchOf(view, picture, pictureId);
  // The same object as long as nothing but the open photo differs.
  return useMemo(() => made, [made.key]); // eslint-disable-line
}

function titleOf(reply: SearchReply | undefined, view: View, picture: File | null): string {
  if (!reply) return t.results.photos;
  if (view.saved) return view.saved;
  if (view.random) return t.results.chance(reply.total);
  if (view.like && !view.q && !view.also) return t.results.like;
  if (picture) return t.results.likePicture;
  if (view.q && reply.relevant != null) return t.results.matches(reply.relevant, reply.relevant_exact, view.q);
  return reply.mode !== "browse" && hasQuery(view, picture) ? t.results.bestFirst(reply.total) : t.results.count(reply.total);
}

/** While the model is on its way only words are searched: the same is asked for until it is there. */
function useAskedAgain(wordsOnly: boolean) {
  const queries = useQueryClient();
  useEffect(() => {
    if (!wordsOnly) return;
    const timer = window.setInterval(() => {
      for (const key of ["search", "facets"]) void queries.invalidateQueries({ queryKey: [key] });
    }, STARTING_MS);
    return () => window.clearInterval(timer);
  }, [wordsOnly, queries]);
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

export function ActiveFilters({ view, show }: { view: View; show: ReturnType<typeof useView>["show"] }) {
  const active = FILTER_KEYS.filter((key) => view[key] && key !== "also" && key !== "not");
  if (!hasFilters(view)) return null;
  return (
    <>
      {active.map((key) => (
        <span className="chip" key={key}>
          <span>{describe(key, view[key] ?? "")}</span>
          <CloseButton size="xs" aria-label={t.search.remove(describe(key, view[key] ?? ""))} onClick={() => show({ [key]: null })} />
        </span>
      ))}
      <Anchor component="button" type="button" size="sm" onClick={() => show(withoutFilters())}>
        {t.filters.clearShort}
      </Anchor>
    </>
  );
}

function describe(key: FilterKey, value: string): string {
  const f = t.filters;
  switch (key) {
    case "from":
      return `${f.from} ${value}`;
    case "to":
      return `${f.to} ${value}`;
    case "folder":
      return `${f.folder}: ${nameOf(value)}`;
    case "rating":
      return f.stars(Number(value));
    case "orientation":
      return listed(value).map((each) => f.orientations[each] ?? each).join(", ");
    case "motion":
      return f.motions[value as keyof typeof f.motions] ?? value;
    case "stacks":
      return f.stackChoices[value as keyof typeof f.stackChoices] ?? value;
    case "area":
      return readArea(value)?.polygon ? t.map.insideLine : t.map.oneGroup;
    case "mode":
      return f.modes[value as keyof typeof f.modes] ?? value;
    default:
      return listed(value).join(", ");
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
  const byWords = ["SEARCH_BY_CONTENT_OFF", "MODEL_NOT_FETCHED"].includes(error.code);
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
        <WayOut error={error} again={again} />
      )}
    </Message>
  );
}

// One collection: what is in it, in numbers and samples, and what can be done with it.

import { Button, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { answer, asApiError, client, type CollectionInfo, type SearchQuery } from "../api/client";
import { useMay } from "../api/library";
import { altText } from "../grid/marks";
import { useSearchSoon } from "../search/refresh";
import { FAR_DOWN } from "../search/request";
import { Dialog } from "../shell/Dialog";
import { doneWith } from "../selection/bulk";
import { useChange } from "../shell/Notes";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { address } from "../view";
import { bytes, number, wallClock } from "../wording";
import { deleted, deletionOf } from "./deletion";
import { NameDialog } from "./NameDialog";
import { pageOf } from "./page";

export function CollectionPage({ name }: { name: string }) {
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const change = useChange();
  const searchSoon = useSearchSoon();
  const may = useMay("write");
  const [asking, setAsking] = useState<"rename" | "split" | "delete" | null>(null);
  const [leaving, setLeaving] = useState(false);
  const path = { name };
  const asked = useQuery({
    queryKey: ["collections", name],
    enabled: !leaving, // else a change that is told of meanwhile asks for what is gone
    queryFn: ({ signal }) => answer(client.GET("/api/v1/collections/{name}", { params: { path }, signal })),
  });
  const { data } = asked;
  useEffect(() => {
    document.title = `${name} · ${t.brand}`;
  }, [name]);
  const c = t.collections;
  // The list at once, what shows its photos once search knows. This one, where it has lost its name, is not asked for again.
  const refresh = (gone = false) => {
    searchSoon();
    return queries.invalidateQueries({ queryKey: ["collections"], exact: gone });
  };
  const close = () => setAsking(null);
  return (
    <main id="content" tabIndex={-1} className="page collection">
      <div className="page-head">
        <h1>{name}</h1>
        <Link href="/collections">{c.everyOne}</Link>
      </div>
      <Trouble of={asked} />
      {data && (
        <>
          <div className="buttons">
            <Button component={Link} href={address({ collection: name })}>
              {c.show}
            </Button>
            {may && (
              <>
                <Button variant="default" onClick={() => setAsking("rename")}>
                  {c.rename}
                </Button>
                {data.photos > 0 && (
                  <Button variant="default" onClick={() => setAsking("split")}>
                    {c.split}
                  </Button>
                )}
                <Button variant="subtle" color="gray" onClick={() => setAsking("delete")}>
                  {c.remove}
                </Button>
              </>
            )}
          </div>
          {data.samples.length > 0 && (
            <ul className="samples">
              {data.samples.map((photo) => (
                <li key={photo.photo_id}>
                  <Link href={address({ collection: name, photo: photo.photo_id })}>
                    <img src={photo.thumbnail_url} alt={altText(photo)} loading="lazy" />
                  </Link>
                </li>
              ))}
            </ul>
          )}
          <Statistics info={data} />
        </>
      )}
      {asking === "rename" && (
        <NameDialog
          title={c.rename}
          first={name}
          onClose={close}
          act={async (next) => {
            await change(async () => {
              await renamed(name, next);
              return {
                text: c.renamed(name, next),
                undo: async () => {
                  await renamed(next, name);
                  if (window.location.pathname === pageOf(next)) navigate(pageOf(name), { replace: true });
                  void refresh(true);
                },
              };
            });
            navigate(pageOf(next), { replace: true });
            await refresh(true);
          }}
        />
      )}
      {asking === "split" && <Split name={name} onClose={close} onDone={refresh} />}
      {asking === "delete" && (
        <Delete
          name={name}
          photos={data?.photos ?? 0}
          onClose={close}
          onLeaving={setLeaving}
          onDone={async () => {
            navigate("/collections", { replace: true });
            await refresh(true);
          }}
        />
      )}
    </main>
  );
}

const renamed = (name: string, next: string) =>
  answer(client.PATCH("/api/v1/collections/{name}", { params: { path: { name } }, body: { name: next } }));

function Statistics({ info }: { info: CollectionInfo }) {
  const c = t.collections;
  const { statistics: s } = info;
  const values = (all: { value: string; photos: number }[]) =>
    all.slice(0, 6).map(({ value, photos }) => t.filters.withCount(value, photos)).join(", ");
  const taken = [s.taken_first, s.taken_last].map((day) => (day ? wallClock(day, false) : ""));
  const rows: [string, string][] = [
    [t.settings.photos, number(s.shown)],
    [t.duplicates.bytes, info.size_bytes ? bytes(info.size_bytes) : ""],
    [t.photo.taken, taken[0] === taken[1] ? (taken[0] ?? "") : taken.filter(Boolean).join(" – ")],
    [c.undated, s.undated ? number(s.undated) : ""],
    [c.rated, s.rated ? number(s.rated) : ""],
    [c.withPlace, s.with_place ? number(s.with_place) : ""],
    [t.settings.missing, s.missing ? number(s.missing) : ""],
    [c.hidden, s.hidden ? number(s.hidden) : ""],
    [t.photo.camera, values(s.cameras)],
    [t.photo.lens, values(s.lenses)],
    [t.photo.kind, values(s.formats)],
    [t.filters.country, values(s.countries)],
    [t.filters.city, values(s.cities)],
  ];
  return (
    <dl className="known">
      {rows
        .filter(([, value]) => value)
        .map(([called, value]) => (
          <div key={called}>
            <dt>{called}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Photos of it that a query finds go to a new collection. */
function Split({ name, onClose, onDone }: { name: string; onClose: () => void; onDone: () => Promise<unknown> }) {
  const change = useChange();
  const [q, setQ] = useState("");
  const [asked] = useDebouncedValue(q.trim(), 250);
  const query = { q: asked, filters: { collections: [name] } } as SearchQuery;
  const { data, error } = useQuery({
    queryKey: ["search", "split", name, asked],
    queryFn: async ({ signal }) => {
      const ask = (offset: number) => answer(client.POST("/api/v1/search", { body: { ...query, limit: 1, offset }, signal }));
      const first = await ask(0);
      return first.relevant_exact ? first : ask(FAR_DOWN);
    },
    enabled: asked !== "",
    placeholderData: keepPreviousData,
  });
  const found = asked && data ? (data.relevant ?? data.total) : null;
  const c = t.collections;
  return (
    <NameDialog
      title={c.split}
      onClose={onClose}
      act={async (into) => {
        await change(async () => {
          const params = { path: { name } };
          const body = { query, into, keep: false, undo: true };
          const made = await answer(client.POST("/api/v1/collections/{name}/split", { params, body }));
          return doneWith(t.selection.made(made.into.name, made.moved), made.undo, onDone);
        });
        await onDone();
      }}
    >
      <p className="muted">{c.splitNote}</p>
      <TextInput
        label={c.which}
        placeholder={c.whichExample}
        autoComplete="off"
        value={q}
        onChange={(event) => setQ(event.currentTarget.value)}
      />
      <p role="status" className="muted">
        {error && asked ? asApiError(error).message : found === null ? "" : c.wouldMove(found)}
      </p>
    </NameDialog>
  );
}

/** The API says what would go, and gives the token that shows that it was read. */
function Delete(props: {
  name: string;
  photos: number;
  onClose: () => void;
  onLeaving: (leaving: boolean) => void;
  onDone: () => Promise<void>;
}) {
  const { name, photos, onClose, onLeaving, onDone } = props;
  const change = useChange();
  const [failed, setFailed] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const { data: asked, error: unknown } = useQuery({
    queryKey: ["delete-collection", name],
    enabled: !busy,
    queryFn: ({ signal }) => deletionOf(name, signal),
    gcTime: 0,
  });
  const remove = async () => {
    setBusy(true);
    onLeaving(true);
    try {
      await change(async () => {
        await deleted(name, asked?.token);
        return { text: t.collections.removed(name) }; // there is no way back
      });
      await onDone();
    } catch (error) {
      setFailed(asApiError(error).message);
      setBusy(false);
      onLeaving(false);
    }
  };
  return (
    <Dialog onClose={onClose} title={t.collections.sure(name)}>
      <p>{t.collections.sureNote(asked?.photos ?? photos)}</p>
      {(failed ?? unknown) && (
        <p role="alert" className="state">
          {failed ?? asApiError(unknown).message}
        </p>
      )}
      <div className="buttons">
        <Button loading={busy} disabled={!asked?.token} onClick={() => void remove()}>
          {t.collections.remove}
        </Button>
        <Button variant="default" onClick={onClose}>
          {t.edits.cancel}
        </Button>
      </div>
    </Dialog>
  );
}

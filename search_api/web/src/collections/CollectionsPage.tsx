// Collections with their covers, and the searches that are kept.

import { Button, Checkbox } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Images, Plus } from "lucide-react";
import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { answer, asApiError, client, type SavedSearch, type SearchQuery } from "../api/client";
import { collectionsOptions, useMay } from "../api/library";
import { useSearchSoon } from "../search/refresh";
import { savedOptions, viewOf } from "../search/saved";
import { doneWith } from "../selection/bulk";
import { useChange, useNote } from "../shell/Notes";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { address } from "../view";
import { bytes } from "../wording";
import { NameDialog } from "./NameDialog";
import { pageOf } from "./page";

export function CollectionsPage() {
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const change = useChange();
  const searchSoon = useSearchSoon();
  const may = useMay("write");
  const asked = useQuery(collectionsOptions);
  const { data } = asked;
  const [making, setMaking] = useState(false);
  const [merging, setMerging] = useState<string[] | null>(null); // null: not at it
  const [naming, setNaming] = useState(false);
  const c = t.collections;
  useEffect(() => {
    document.title = `${c.title} · ${t.brand}`;
  }, [c.title]);
  const all = data?.collections ?? [];
  const refresh = () => queries.invalidateQueries({ queryKey: ["collections"] });

  const merge = async (into: string) => {
    const names = merging ?? [];
    await change(async () => {
      if (!all.some((each) => each.name === into)) await answer(client.POST("/api/v1/collections", { body: { name: into, undo: false } }));
      const body = { sources: names.filter((name) => name !== into), keep: false };
      const { collection } = await answer(
        client.POST("/api/v1/collections/{name}/merge", { params: { path: { name: into } }, body }),
      );
      return { text: t.selection.made(collection.name, collection.photos) }; // there is no way back
    });
    setMerging(null);
    searchSoon();
    await refresh();
  };
  return (
    <main id="content" tabIndex={-1} className="page wide">
      <div className="page-head">
        <h1>{c.title}</h1>
        {may && (
          <span className="buttons">
            {merging === null ? (
              <>
                {all.length > 1 && (
                  <Button variant="default" onClick={() => setMerging([])}>
                    {c.merge}
                  </Button>
                )}
                <Button leftSection={<Plus size={16} aria-hidden="true" />} onClick={() => setMaking(true)}>
                  {c.create}
                </Button>
              </>
            ) : (
              <>
                <Button disabled={merging.length < 2} onClick={() => setNaming(true)}>
                  {c.mergeThese(merging.length)}
                </Button>
                <Button variant="default" onClick={() => setMerging(null)}>
                  {t.edits.cancel}
                </Button>
              </>
            )}
          </span>
        )}
      </div>
      <Trouble of={asked} />
      {data && all.length === 0 && <p className="muted">{c.none}</p>}
      <ul className="covers">
        {all.map((each) => (
          <li key={each.collection_id}>
            <Link href={pageOf(each.name)} className="cover">
              {each.cover_url ? <img src={each.cover_url} alt="" loading="lazy" /> : <Images size={30} aria-hidden="true" />}
              <strong>{each.name}</strong>
              <span className="muted">
                {t.library.photos(each.photos)}
                {each.size_bytes > 0 && ` · ${bytes(each.size_bytes)}`}
              </span>
            </Link>
            {merging !== null && (
              <Checkbox
                className="pick"
                aria-label={c.pick(each.name)}
                checked={merging.includes(each.name)}
                onChange={(event) =>
                  setMerging(event.currentTarget.checked ? [...merging, each.name] : merging.filter((name) => name !== each.name))
                }
              />
            )}
          </li>
        ))}
      </ul>
      <Saved />
      {making && (
        <NameDialog
          title={c.create}
          onClose={() => setMaking(false)}
          act={async (name) => {
            await change(async () => {
              const { undo } = await answer(client.POST("/api/v1/collections", { body: { name, undo: true } }));
              return doneWith(c.made(name), undo, () => {
                if (window.location.pathname === pageOf(name)) navigate("/collections", { replace: true });
                return refresh();
              });
            });
            await refresh();
            navigate(pageOf(name));
          }}
        />
      )}
      {naming && merging && (
        <NameDialog title={c.mergeThese(merging.length)} note={c.mergeNote} first={merging[0]} onClose={() => setNaming(false)} act={merge} />
      )}
    </main>
  );
}

const renamed = (name: string, next: string) =>
  answer(client.PATCH("/api/v1/saved-searches/{name}", { params: { path: { name } }, body: { name: next } }));

function Saved() {
  const queries = useQueryClient();
  const change = useChange();
  const note = useNote();
  const may = useMay("write");
  const { data } = useQuery(savedOptions);
  const [renaming, setRenaming] = useState<string | null>(null);
  const refresh = () => queries.invalidateQueries({ queryKey: savedOptions.queryKey });
  if (!data?.searches.length) return null;
  const remove = async (search: SavedSearch) => {
    const { name, query } = search;
    try {
      await change(async () => {
        await answer(client.DELETE("/api/v1/saved-searches/{name}", { params: { path: { name } } }));
        return {
          text: t.saved.removed(name),
          undo: async () => {
            await answer(client.POST("/api/v1/saved-searches", { body: { name, query: query as SearchQuery } }));
            void refresh();
          },
        };
      });
    } catch (error) {
      note({ text: asApiError(error).message });
    }
    await refresh();
  };
  return (
    <section className="saved" aria-labelledby="saved-title">
      <h2 id="saved-title">{t.saved.title}</h2>
      <ul className="files">
        {data.searches.map((search) => (
          <li key={search.name}>
            <div>
              <Link href={address(viewOf(search.query as SearchQuery) ?? { saved: search.name })}>{search.name}</Link>
              {search.last_count != null && <p className="muted">{t.saved.found(search.last_count)}</p>}
            </div>
            {may && (
              <span className="buttons">
                <Button size="compact-sm" variant="subtle" color="gray" aria-label={t.saved.renameNamed(search.name)} onClick={() => setRenaming(search.name)}>
                  {t.collections.rename}
                </Button>
                <Button size="compact-sm" variant="subtle" color="gray" aria-label={t.saved.removeNamed(search.name)} onClick={() => void remove(search)}>
                  {t.saved.remove}
                </Button>
              </span>
            )}
          </li>
        ))}
      </ul>
      {renaming && (
        <NameDialog
          title={t.saved.renameNamed(renaming)}
          first={renaming}
          onClose={() => setRenaming(null)}
          act={async (name) => {
            await change(async () => {
              await renamed(renaming, name);
              return {
                text: t.collections.renamed(renaming, name),
                undo: async () => {
                  await renamed(name, renaming);
                  void refresh();
                },
              };
            });
            await refresh();
          }}
        />
      )}
    </section>
  );
}

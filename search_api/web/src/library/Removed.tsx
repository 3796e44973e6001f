// Photos that were removed from the library: bringing them back, or taking their paths along to delete the files oneself.

import { Button, Checkbox } from "@mantine/core";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { answer, asApiError, client, type HiddenPhoto } from "../api/client";
import { useMay } from "../api/library";
import { useSearchSoon } from "../search/refresh";
import { saved } from "../selection/save";
import { useNote } from "../shell/Notes";
import { t } from "../texts";
import { folderOf, moment, nameOf } from "../wording";

const PAGE = 100;
const KEY = ["hidden"];

export function Removed() {
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: KEY,
    queryFn: ({ pageParam, signal }) =>
      answer(client.GET("/api/v1/hidden", { params: { query: { limit: PAGE, offset: pageParam } }, signal })),
    initialPageParam: 0,
    getNextPageParam: (last, all) => (last.photos.length === PAGE ? all.length * PAGE : undefined),
  });
  const may = useMay("write");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [problem, setProblem] = useState<string | null>(null);
  const say = useNote();
  const tryTo = (act: () => Promise<void>) => {
    setProblem(null);
    act().catch((failed: unknown) => setProblem(asApiError(failed).message));
  };
  const restore = useRestore((restored) => {
    setChosen(new Set());
    say({ text: t.removed.restored(restored) });
  });
  if (error) return <p className="muted">{asApiError(error).message}</p>;
  if (!data) return null;
  const photos = data.pages.flatMap((page) => page.photos);
  const total = data.pages[0]?.total ?? 0;
  if (total === 0) return <p className="muted">{t.removed.none}</p>;
  const picked = photos.filter((photo) => chosen.has(photo.photo_id));
  const whole = picked.length === photos.length;
  const choose = (photoId: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(photoId);
    else next.delete(photoId);
    setChosen(next);
  };
  return (
    <div className="removed">
      <div className="intro">
        <p>{t.removed.intro}</p>
      </div>
      <div className="removed-bar" role="group" aria-label={t.removed.actions}>
        <Checkbox
          label={picked.length > 0 ? t.selection.count(picked.length) : t.removed.choose}
          checked={picked.length > 0}
          indeterminate={picked.length > 0 && !whole}
          onChange={() => setChosen(new Set(whole ? [] : photos.map((photo) => photo.photo_id)))}
        />
        <span className="buttons">
          {may && (
            <Button disabled={picked.length === 0} onClick={() => tryTo(() => restore(picked.map((photo) => photo.photo_id)))}>
              {picked.length > 0 ? t.removed.restore(picked.length) : t.removed.restoreNone}
            </Button>
          )}
          <Button
            variant="default"
            onClick={() =>
              tryTo(async () => {
                const paths = picked.length > 0 ? picked.flatMap((photo) => photo.paths) : await everyPath();
                await navigator.clipboard.writeText(paths.join("\n"));
                say({ text: t.selection.copied(paths.length) });
              })
            }
          >
            {picked.length > 0 ? t.removed.copy(picked.length) : t.removed.copyAll}
          </Button>
          <Button
            variant="default"
            onClick={() =>
              tryTo(async () => {
                const paths = picked.length > 0 ? picked.flatMap((photo) => photo.paths) : await everyPath();
                saved(new Blob([paths.map((path) => `${path}\n`).join("")], { type: "text/plain" }), t.removed.listName);
              })
            }
          >
            {t.removed.download}
          </Button>
        </span>
      </div>
      <div role="status" className="said">
        {problem}
      </div>
      <ul className="files">
        {photos.map((photo) => (
          <Row key={photo.photo_id} photo={photo} chosen={chosen.has(photo.photo_id)} onChoose={choose} />
        ))}
      </ul>
      {hasNextPage && (
        <Button variant="subtle" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {t.library.more(total - photos.length)}
        </Button>
      )}
    </div>
  );
}

function Row({ photo, chosen, onChoose }: { photo: HiddenPhoto; chosen: boolean; onChoose: (photoId: string, on: boolean) => void }) {
  const first = photo.paths[0];
  const name = first ? nameOf(first) : (photo.file_name ?? "");
  return (
    <li className="with-picture">
      <Checkbox aria-label={t.removed.chooseNamed(name)} checked={chosen} onChange={(event) => onChoose(photo.photo_id, event.currentTarget.checked)} />
      <img src={photo.thumbnail_url} alt="" loading="lazy" onError={(event) => event.currentTarget.classList.add("broken")} />
      <p className="file">
        <strong>{name}</strong> <code>{first ? folderOf(first) : t.removed.noFile}</code>
        <span className="muted">{[t.removed.when(moment(photo.hidden_at)), photo.paths.length > 1 && t.removed.files(photo.paths.length)].filter(Boolean).join(" · ")}</span>
      </p>
    </li>
  );
}

async function everyPath(): Promise<string[]> {
  const text = await answer(client.GET("/api/v1/hidden/paths", { parseAs: "text" }));
  return String(text).split("\n").filter(Boolean);
}

function useRestore(onRestored: (photos: number) => void): (photoIds: string[]) => Promise<void> {
  const queries = useQueryClient();
  const searchSoon = useSearchSoon();
  return async (photoIds) => {
    const { photo_ids } = await answer(client.POST("/api/v1/hidden/show", { body: { photo_ids: photoIds } }));
    await queries.invalidateQueries({ queryKey: KEY });
    searchSoon();
    onRestored(photo_ids.length);
  };
}

// Photos that were removed from the library: bringing them back, or taking their paths along to delete the files oneself.

import { Button, Checkbox } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { answer, asApiError, client, type HiddenPhoto } from "../api/client";
import { useMay } from "../api/library";
import { copied, saved } from "../selection/save";
import { useRestore } from "../selection/bulk";
import { useNote } from "../shell/Notes";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { folderOf, moment, nameOf } from "../wording";

const PAGE = 100;

export function Removed() {
  const asked = useInfiniteQuery({
    queryKey: ["hidden"],
    queryFn: ({ pageParam, signal }) =>
      answer(client.GET("/api/v1/hidden", { params: { query: { limit: PAGE, offset: pageParam } }, signal })),
    initialPageParam: 0,
    getNextPageParam: (last, all) => (last.photos.length === PAGE ? all.length * PAGE : undefined),
  });
  const { data, hasNextPage, fetchNextPage, isFetchingNextPage } = asked;
  const may = useMay("write");
  const bringBack = useRestore();
  const [busy, setBusy] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [problem, setProblem] = useState<string | null>(null);
  const say = useNote();
  const tryTo = async (act: () => Promise<void>) => {
    setProblem(null);
    setBusy(true);
    try {
      await act();
    } catch (failed) {
      setProblem(asApiError(failed).message);
    } finally {
      setBusy(false);
    }
  };
  if (!data) return <Trouble of={asked} />;
  const photos = data.pages.flatMap((page) => page.photos);
  const total = data.pages[0]?.total ?? 0;
  if (total === 0) {
    return (
      <>
        <Trouble of={asked} />
        <p className="muted">{t.removed.none}</p>
      </>
    );
  }
  const picked = photos.filter((photo) => chosen.has(photo.photo_id));
  const whole = picked.length === photos.length;
  const paths = async () => (picked.length > 0 ? picked.flatMap((photo) => photo.paths) : await everyPath());
  const asText = (each: string[]) => each.map((path) => `${path}\n`).join("");
  const restore = async () => {
    await bringBack(picked.map((photo) => photo.photo_id));
    setChosen(new Set());
  };
  const copy = async () => {
    const all = await paths();
    const inClipboard = await copied(asText(all), t.removed.listName);
    say({ text: inClipboard ? t.selection.copied(all.length) : t.selection.pathsSaved(all.length) });
  };
  const download = async () => saved(new Blob([asText(await paths())], { type: "text/plain" }), t.removed.listName);
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
            <Button disabled={busy || picked.length === 0} onClick={() => void tryTo(restore)}>
              {picked.length > 0 ? t.removed.restore(picked.length) : t.removed.restoreNone}
            </Button>
          )}
          <Button variant="default" disabled={busy} onClick={() => void tryTo(copy)}>
            {picked.length > 0 ? t.removed.copy(picked.length) : t.removed.copyAll}
          </Button>
          <Button variant="default" disabled={busy} onClick={() => void tryTo(download)}>
            {t.removed.download}
          </Button>
        </span>
      </div>
      <Trouble of={asked} />
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

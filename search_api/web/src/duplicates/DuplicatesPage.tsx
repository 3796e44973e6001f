// Photos that show the same, side by side: what differs, which one to keep, and a person's word that they differ.

import { Button, NativeSelect } from "@mantine/core";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link } from "wouter";

import { answer, asApiError, client, type Duplicate, type DuplicateGroup } from "../api/client";
import { useMay } from "../api/library";
import { altText } from "../grid/marks";
import { Dialog } from "../shell/Dialog";
import { doneWith, useChanged } from "../selection/bulk";
import { useChange, useNote } from "../shell/Notes";
import { StartJob } from "../shell/StartJob";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { address } from "../view";
import { bytes, number, wallClock } from "../wording";

type Tier = DuplicateGroup["tier"];
const SAME: ReadonlySet<Tier> = new Set<Tier>(["same_pixels", "same_picture"]);
const PAGE = 20;
const MOST_AT_ONCE = 500;

export function DuplicatesPage() {
  const [tier, setTier] = useState<Tier | null>(null);
  const [asked, setAsked] = useState<{ groups: DuplicateGroup[]; hidden: number } | null>(null);
  const may = useMay("write");
  const note = useNote();
  const keep = useKeep();
  const queries = useQueryClient();
  const { data: counts } = useQuery({
    queryKey: ["duplicates", "counts"],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/duplicates", { signal })),
  });
  const asking = useInfiniteQuery({
    queryKey: ["duplicates", "groups", tier],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, offset: pageParam, ...(tier && { tier }) };
      return answer(client.GET("/api/v1/duplicates/groups", { params: { query }, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (last) => last.next_offset,
  });
  const { data, hasNextPage, fetchNextPage, isFetchingNextPage } = asking;
  useEffect(() => {
    document.title = `${t.duplicates.title} · ${t.brand}`;
  }, []);
  const groups = data?.pages.flatMap((page) => page.groups) ?? [];
  // Of all kinds only those that show the same photo: what merely looks alike, or came one after the other, goes together
  // when somebody has chosen that kind.
  const toKeep = groups.filter((group) => (tier ? group.tier !== "same_bytes" : SAME.has(group.tier))).slice(0, MOST_AT_ONCE);
  const found = counts?.tiers.filter((each) => each.groups > 0) ?? [];

  /** How much would leave the library, before anything does. */
  const ask = async () => {
    try {
      const body = { group_ids: toKeep.map((group) => group.group_id), dry_run: true, undo: false };
      const { hidden } = await answer(client.POST("/api/v1/duplicates/keep", { body }));
      setAsked({ groups: toKeep, hidden });
    } catch (problem) {
      note({ text: asApiError(problem).message });
    }
  };
  return (
    <main id="content" tabIndex={-1} className="page wide">
      <div className="page-head">
        <h1>{t.duplicates.title}</h1>
        {found.length > 0 && (
          <NativeSelect
            aria-label={t.duplicates.kind}
            value={tier ?? ""}
            onChange={(event) => setTier((event.currentTarget.value || null) as Tier | null)}
            data={[
              { value: "", label: t.duplicates.all },
              ...found.map((each) => ({ value: each.tier, label: t.filters.withCount(t.duplicates.tiers[each.tier], each.groups) })),
            ]}
          />
        )}
      </div>
      <Trouble of={asking} />
      {counts?.waiting && (
        <div className="notice compare">
          <p>{t.duplicates.waiting}</p>
          <StartJob
            kind="find_duplicates"
            label={t.duplicates.compare}
            working={t.activity.kinds.find_duplicates ?? t.progress.working}
            start={() => answer(client.POST("/api/v1/duplicates/find"))}
            onEnd={() => void queries.invalidateQueries({ queryKey: ["duplicates"] })}
            quiet
          />
        </div>
      )}
      {data && groups.length === 0 && !counts?.waiting && <p className="muted">{t.duplicates.none}</p>}
      {may && groups.length > 0 && (
        <div className="intro">
          <p>{t.duplicates.intro}</p>
          {toKeep.length > 1 && (
            <Button variant="default" onClick={() => void ask()}>
              {t.duplicates.keepAll(toKeep.length, tier === null)}
            </Button>
          )}
        </div>
      )}
      {groups.map((group) => (
        <Group key={group.group_id} group={group} may={may} keep={keep} />
      ))}
      {hasNextPage && (
        <Button variant="subtle" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          {t.duplicates.more}
        </Button>
      )}
      <Dialog opened={asked !== null} onClose={() => setAsked(null)} title={t.duplicates.sure(asked?.hidden ?? 0)}>
        <p>{t.duplicates.sureNote}</p>
        <div className="buttons">
          <Button
            onClick={() => {
              const chosen = asked?.groups ?? [];
              setAsked(null);
              void keep(chosen.map((group) => group.group_id));
            }}
          >
            {t.duplicates.doIt(asked?.hidden ?? 0)}
          </Button>
          <Button variant="default" onClick={() => setAsked(null)}>
            {t.edits.cancel}
          </Button>
        </div>
      </Dialog>
    </main>
  );
}

/** Keep one photo of each group; the way back stands in the note. */
function useKeep() {
  const queries = useQueryClient();
  const changed = useChanged();
  const change = useChange();
  const note = useNote();
  const refresh = async () => {
    await queries.invalidateQueries({ queryKey: ["duplicates"] });
    await changed();
  };
  return async (groupIds: string[], photoId?: string) => {
    try {
      const body = { group_ids: groupIds, photo_id: photoId ?? null, dry_run: false, undo: true };
      await change(async () => {
        const { hidden, undo } = await answer(client.POST("/api/v1/duplicates/keep", { body }));
        void refresh();
        if (hidden > 0) return doneWith(t.edits.hidden(hidden), undo, refresh);
        note({ text: t.edits.hidden(0) });
        return null;
      });
    } catch (error) {
      note({ text: asApiError(error).message });
    }
  };
}

function Group({ group, may, keep }: { group: DuplicateGroup; may: boolean; keep: ReturnType<typeof useKeep> }) {
  const queries = useQueryClient();
  const change = useChange();
  const note = useNote();
  const copies = group.tier === "same_bytes";
  const differ = async () => {
    const body = { photo_ids: group.photos.map((photo) => photo.photo_id) };
    const again = () => queries.invalidateQueries({ queryKey: ["duplicates"] });
    try {
      await change(async () => {
        await answer(client.POST("/api/v1/duplicates/different", { body }));
        void again();
        return {
          text: t.duplicates.different,
          undo: async () => {
            await answer(client.DELETE("/api/v1/duplicates/different", { body }));
            void again();
          },
        };
      });
    } catch (error) {
      note({ text: asApiError(error).message });
    }
  };
  const reasons = group.reasons.map((reason) => t.duplicates.reasons[reason] ?? reason).join(", ");
  return (
    <section className="duplicates" aria-label={t.duplicates.tiers[group.tier]}>
      <div className="kind-head">
        <h2>
          {t.duplicates.tiers[group.tier]}{" "}
          <span className="count">{number(copies ? (group.photos[0]?.paths?.length ?? 1) : group.photos.length)}</span>
        </h2>
        {may && !copies && (
          <Button size="compact-sm" variant="subtle" color="gray" onClick={() => void differ()}>
            {t.duplicates.theyDiffer}
          </Button>
        )}
      </div>
      <ul>
        {group.photos.map((photo, at) => (
          <li key={photo.photo_id}>
            <Link href={address({}, { photo: photo.photo_id, stacks: "all" })} className="side">
              <img src={photo.preview_url} alt={altText(photo)} loading="lazy" />
            </Link>
            <h3>{photo.file_name}</h3>
            {at === 0 && !copies && (
              <p className="proposed">
                <span className="tag running">{t.duplicates.proposed}</span> {reasons}
              </p>
            )}
            <Differences photo={photo} others={group.photos} />
            {copies ? (
              photo.paths?.map((path) => (
                <p key={path}>
                  <code>{path}</code>
                </p>
              ))
            ) : (
              <p>
                <code>{photo.paths?.[0]}</code>
              </p>
            )}
            {may && !copies && (
              <Button
                size="compact-sm"
                variant={at === 0 ? "filled" : "default"}
                aria-label={t.duplicates.keepNamed(photo.file_name)}
                onClick={() => void keep([group.group_id], photo.photo_id)}
              >
                {t.duplicates.keep}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface Row {
  name: string;
  say: (photo: Duplicate) => string;
  /** More is better. */
  measure?: (photo: Duplicate) => number;
}

/** What of a photo is not the same for all of its group; the best of it stands out. */
function Differences({ photo, others }: { photo: Duplicate; others: Duplicate[] }) {
  const rows: Row[] = [
    {
      name: t.photo.size,
      say: (each) => (each.width && each.height ? `${number(each.width)} × ${number(each.height)}` : ""),
      measure: (each) => (each.width ?? 0) * (each.height ?? 0),
    },
    { name: t.duplicates.bytes, say: (each) => (each.size_bytes ? bytes(each.size_bytes) : ""), measure: (each) => each.size_bytes ?? 0 },
    { name: t.photo.kind, say: (each) => each.format ?? "" },
    { name: t.photo.taken, say: (each) => (each.taken_at ? wallClock(each.taken_at) : "") },
    { name: t.photo.camera, say: (each) => each.camera ?? "" },
    { name: t.duplicates.sharpness, say: (each) => each.sharpness?.toPrecision(3) ?? "", measure: (each) => each.sharpness ?? 0 },
  ];
  return (
    <dl className="known">
      {rows
        .filter(({ say }) => new Set(others.map(say)).size > 1)
        .map(({ name, say, measure }) => {
          const best = measure !== undefined && measure(photo) === Math.max(...others.map(measure));
          return (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{best ? <strong>{say(photo)}</strong> : say(photo)}</dd>
            </div>
          );
        })}
    </dl>
  );
}

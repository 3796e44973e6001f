// One change to all photos that are chosen: what it would do is said before it is done.

import { Autocomplete, Button, Checkbox, Rating, TagsInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { listed, type View } from "../address";
import { answer, asApiError, client, type Bulk } from "../api/client";
import { collectionsOptions, facetsOptions } from "../api/library";
import type { Selection } from "../grid/selection";
import { Dialog } from "../shell/Dialog";
import { useNote } from "../shell/Notes";
import { t } from "../texts";
import { useChanged } from "../viewer/Edits";

export type Doing = "tag" | "rate" | "collect" | "hide";
type Step = Bulk["step"];

interface Props {
  doing: Doing;
  selection: Selection;
  view: View;
  onClose: () => void;
}

export function BulkDialog({ doing, selection, view, onClose }: Props) {
  const note = useNote();
  const changed = useChanged();
  const { data: facets } = useQuery(facetsOptions);
  const { data: collections } = useQuery(collectionsOptions);
  const [tags, setTags] = useState<string[]>([]);
  const [off, setOff] = useState(false);
  const [rating, setRating] = useState(0);
  const [name, setName] = useState("");
  const [leave, setLeave] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const s = t.selection;

  const wanted = name.trim();
  const isNew = wanted !== "" && !collections?.collections.some((each) => each.name === wanted);
  const from = listed(view.collection).length === 1 ? listed(view.collection)[0] : undefined;
  const step = ((): Step | null => {
    switch (doing) {
      case "tag":
        return tags.length ? { do: off ? "untag" : "tag", tags } : null;
      case "rate":
        return { do: "rate", rating: rating || null };
      case "collect":
        if (!wanted || isNew) return null;
        return leave && from ? { do: "move", source: from, collection: wanted } : { do: "add", collection: wanted };
      case "hide":
        return { do: "hide" };
    }
  })();
  // As text: another object of the same words is no other question.
  const [asked] = useDebouncedValue(step && JSON.stringify({ ...selection.chosen, step }), 150);
  const { data: would, error } = useQuery({
    queryKey: ["dry-run", asked],
    queryFn: ({ signal }) => answer(client.POST("/api/v1/bulk/dry-run", { body: JSON.parse(asked ?? "") as Bulk, signal })),
    enabled: asked !== null,
    gcTime: 0,
  });
  const creates = doing === "collect" && isNew;

  const apply = async () => {
    setBusy(true);
    setFailed(null);
    try {
      if (creates) {
        const made = leave && from
          ? (
              await answer(
                client.POST("/api/v1/collections/{name}/split", {
                  params: { path: { name: from } },
                  body: { ...selection.chosen, into: wanted, keep: false },
                }),
              )
            ).into
          : await answer(client.POST("/api/v1/collections", { body: { name: wanted, photos: selection.chosen } }));
        note({ text: s.made(made.name, made.photos) });
      } else if (step) {
        const expected = would?.photos ?? null;
        const done = await answer(client.POST("/api/v1/bulk", { body: { ...selection.chosen, step, expected } as Bulk }));
        note({ text: s.done[doing](done.changed) });
      }
      onClose();
      selection.clear();
      await changed();
    } catch (problem) {
      setFailed(asApiError(problem).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog onClose={onClose} title={s.titles[doing](selection.count)}>
      <form
        className="bulk"
        onSubmit={(event) => {
          event.preventDefault();
          void apply();
        }}
      >
        {doing === "tag" && (
          <>
            <TagsInput
              data-autofocus
              label={t.photo.tags}
              value={tags}
              onChange={setTags}
              data={facets?.tags.map((tag) => tag.value) ?? []}
              comboboxProps={{ zIndex: 500 }}
            />
            <Checkbox label={s.takeOff} checked={off} onChange={(event) => setOff(event.currentTarget.checked)} />
          </>
        )}
        {doing === "rate" && <Rating size="lg" aria-label={t.photo.rating} value={rating} onChange={setRating} allowClear getSymbolLabel={t.edits.stars} />}
        {doing === "collect" && (
          <>
            <Autocomplete
              data-autofocus
              label={t.collections.one}
              description={isNew ? s.isNew : undefined}
              value={name}
              onChange={setName}
              maxLength={200}
              data={collections?.collections.map((each) => each.name) ?? []}
              comboboxProps={{ zIndex: 500 }}
            />
            {from && <Checkbox label={s.leave(from)} checked={leave} onChange={(event) => setLeave(event.currentTarget.checked)} />}
          </>
        )}
        {doing === "hide" && <p>{t.duplicates.sureNote}</p>}
        <p role="status" className="muted">
          {error ? asApiError(error).message : !creates && would && step ? s.would(would.photos, would.changed) : ""}
        </p>
        {failed && (
          <p role="alert" className="state">
            {failed}
          </p>
        )}
        <div className="buttons">
          <Button type="submit" loading={busy} disabled={!creates && (!step || !would)}>
            {s.apply[doing]}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t.edits.cancel}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

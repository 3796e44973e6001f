// One change to all photos that are chosen: what it would do is said before it is done.

import { Autocomplete, Button, Checkbox, SegmentedControl, TagsInput, VisuallyHidden } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { answer, asApiError, client, type Bulk } from "../api/client";
import { collectionsOptions, facetsOptions } from "../api/library";
import type { Selection } from "../grid/selection";
import { Dialog } from "../shell/Dialog";
import { useChange, useNote } from "../shell/Notes";
import { tagPill } from "../shell/TagPill";
import { t } from "../texts";
import { listed, type View } from "../view";
import { doneWith, MOST_WITH_UNDO, useChanged, useStep } from "./bulk";

export type Doing = "tag" | "rate" | "collect" | "hide";
type Step = Bulk["step"];

const TYPING_PAUSE_MS = 150;

interface Props {
  doing: Doing;
  selection: Selection;
  view: View;
  onClose: () => void;
}

export function BulkDialog({ doing, selection, view, onClose }: Props) {
  const note = useNote();
  const change = useChange();
  const doStep = useStep();
  const changed = useChanged();
  const { data: facets } = useQuery(facetsOptions);
  const { data: collections } = useQuery(collectionsOptions);
  const [added, setAdded] = useState<string[]>([]);
  const [typed, setTyped] = useState("");
  const [off, setOff] = useState(false);
  const [rating, setRating] = useState<number | null>(null); // null: not chosen yet; 0: no stars
  const [name, setName] = useState("");
  const [leave, setLeave] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const s = t.selection;

  // What is still being typed counts already: leaving the field adds it, and the question stays the same.
  const tags = [...new Set([...added, typed.trim()])].filter(Boolean);
  const wanted = name.trim();
  const isNew = wanted !== "" && !collections?.collections.some((each) => each.name === wanted);
  const from = listed(view.collection).length === 1 ? listed(view.collection)[0] : undefined;
  const step = ((): Step | null => {
    switch (doing) {
      case "tag":
        return tags.length ? { do: off ? "untag" : "tag", tags } : null;
      case "rate":
        return rating === null ? null : { do: "rate", rating: rating || null };
      case "collect":
        if (!wanted || isNew) return null;
        return leave && from ? { do: "move", source: from, collection: wanted } : { do: "add", collection: wanted };
      case "hide":
        return { do: "hide" };
    }
  })();
  // As text: another object of the same words is no other question.
  const question = step && JSON.stringify({ ...selection.chosen, step });
  const [written] = useDebouncedValue(question, TYPING_PAUSE_MS);
  const asked = doing === "tag" || doing === "collect" ? written : question;
  const { data, error } = useQuery({
    queryKey: ["dry-run", asked],
    queryFn: ({ signal }) => answer(client.POST("/api/v1/bulk/dry-run", { body: { ...(JSON.parse(asked ?? "") as Bulk), undo: false }, signal })),
    enabled: asked !== null,
    gcTime: 0,
  });
  const creates = doing === "collect" && isNew;
  // An answer to what was asked before says nothing of this.
  const would = asked === question ? data : undefined;
  const ready = creates || would !== undefined;

  /** A new collection of what is chosen. */
  const collected = async (source: string | undefined) => {
    if (!source) return answer(client.POST("/api/v1/collections", { body: { name: wanted, photos: selection.chosen, undo: true } }));
    const params = { path: { name: source } };
    const body = { ...selection.chosen, into: wanted, keep: false, undo: true };
    const { into, undo } = await answer(client.POST("/api/v1/collections/{name}/split", { params, body }));
    return { ...into, undo };
  };
  const apply = async () => {
    if (!ready || busy) return;
    setBusy(true);
    setFailed(null);
    try {
      await change(async () => {
        if (creates) {
          const made = await collected(leave ? from : undefined);
          void changed();
          return doneWith(s.made(made.name, made.photos), made.undo, changed);
        }
        if (!step) return null;
        const done = await doStep({ ...selection.chosen, step, expected: would?.photos } as Bulk, s.done[doing]);
        if (!done) note({ text: s.done[doing](0) });
        return done;
      });
      onClose();
      selection.clear();
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
              value={added}
              onChange={setAdded}
              searchValue={typed}
              onSearchChange={setTyped}
              renderPill={tagPill}
              data={facets?.tags.map((tag) => tag.value) ?? []}
              comboboxProps={{ zIndex: 500 }}
            />
            <Checkbox label={s.takeOff} checked={off} onChange={(event) => setOff(event.currentTarget.checked)} />
          </>
        )}
        {doing === "rate" && (
          <SegmentedControl
            aria-label={t.photo.rating}
            fullWidth
            value={rating === null ? "" : String(rating)}
            onChange={(value) => setRating(Number(value))}
            data={[0, 1, 2, 3, 4, 5].map((stars) => ({
              value: String(stars),
              label:
                stars === 0 ? (
                  t.edits.stars(0)
                ) : (
                  <>
                    <span aria-hidden="true">{`${stars} ★`}</span>
                    <VisuallyHidden>{t.edits.stars(stars)}</VisuallyHidden>
                  </>
                ),
            }))}
          />
        )}
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
          {creates || asked !== question ? "" : error ? asApiError(error).message : would && step ? willDo(step, would) : ""}
          {would && would.changed > MOST_WITH_UNDO && ` ${s.noUndo}`}
        </p>
        {failed && (
          <p role="alert" className="state">
            {failed}
          </p>
        )}
        <div className="buttons">
          {/* Not disabled, which would take it out of the way of Tab and lose a press that has begun. */}
          <Button type="submit" loading={busy} data-disabled={!ready || undefined} aria-disabled={!ready || undefined}>
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

/** What a step will do, before it is done. */
function willDo(step: Step, { photos, changed }: { photos: number; changed: number }): string {
  const { will } = t.selection;
  if (changed === 0) return will.nothing;
  switch (step.do) {
    case "tag":
      return step.tags.length === 1 ? will.tag(changed, photos) : will.tags(photos, changed < photos * step.tags.length);
    case "untag":
      return step.tags.length === 1 ? will.untag(changed) : will.untagMany(changed, photos);
    case "rate":
      return will.rate(changed, step.rating ?? 0);
    case "add":
      return will.add(changed, photos, step.collection);
    case "move":
      return will.move(changed, step.source, step.collection);
    default:
      return will.hide(changed);
  }
}

// What a person says of a photo: stars, caption, tags; and that it should leave the library.

import { Button, Rating, TagsInput, Textarea } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
import { useState } from "react";

import { answer, asApiError, client, type Photo } from "../api/client";
import { facetsOptions, photoOptions, tagsOptions, useMay } from "../api/library";
import { useChanged, useRestore, useStep } from "../selection/bulk";
import { asksToUndo } from "../shell/layers";
import { useChange, useNote, useUndo } from "../shell/Notes";
import { tagPill } from "../shell/TagPill";
import { t } from "../texts";
import { moment } from "../wording";

// Captions that were begun and not kept yet, by photo: who looks at another photo in between finds them again.
const drafts = new Map<string, string>();

/** With no words: take back what was written. */
function wrote(photoId: string, text: string) {
  const params = { path: { photo_id: photoId } };
  return answer(
    text
      ? client.PUT("/api/v1/images/{photo_id}/caption", { params, body: { text } })
      : client.DELETE("/api/v1/images/{photo_id}/caption", { params }),
  );
}

export function Caption({ photo }: { photo: Photo }) {
  const change = useChange();
  const changed = useChanged();
  const note = useNote();
  const may = useMay("write");
  const [text, setText] = useState<string | null>(drafts.get(photo.photo_id) ?? null); // null: not being written
  const write = (words: string) => {
    drafts.set(photo.photo_id, words);
    setText(words);
  };
  const drop = () => {
    drafts.delete(photo.photo_id);
    setText(null);
  };
  const save = async () => {
    const written = (text ?? "").trim();
    try {
      await change(async () => {
        const { before } = await wrote(photo.photo_id, written);
        void changed();
        if ((before ?? "") === written) return null;
        return {
          text: t.edits.captioned(photo.file_name, written !== ""),
          undo: async () => {
            await wrote(photo.photo_id, before ?? "");
            void changed();
          },
        };
      });
      if ((drafts.get(photo.photo_id) ?? text) === text) drop(); // else somebody writes on
    } catch (error) {
      note({ text: asApiError(error).message });
    }
  };
  if (text !== null) {
    return (
      <form
        className="caption-form"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Textarea
          aria-label={t.edits.caption}
          autosize
          minRows={2}
          autoFocus
          maxLength={2000}
          value={text}
          // Escape leaves the field, not the photo.
          data-mantine-stop-propagation="true"
          onChange={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape") setText(null);
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void save();
          }}
        />
        <div className="buttons">
          <Button size="compact-sm" type="submit">
            {t.edits.save}
          </Button>
          <Button size="compact-sm" variant="default" onClick={drop}>
            {t.edits.cancel}
          </Button>
        </div>
      </form>
    );
  }
  const source =
    photo.caption && photo.caption_source === "computed" && photo.caption_model ? t.edits.describedBy(photo.caption_model) : null;
  return (
    <>
      {photo.caption && <p className="caption">{photo.caption}</p>}
      {source && <p className="source">{source}</p>}
      {may && (
        <Button
          className="write"
          size="compact-sm"
          variant="subtle"
          color="gray"
          leftSection={<Pencil size={14} aria-hidden="true" />}
          onClick={() => setText(drafts.get(photo.photo_id) ?? photo.caption ?? "")}
        >
          {photo.caption ? t.edits.changeCaption : t.edits.writeCaption}
        </Button>
      )}
    </>
  );
}

/** Give a photo stars, 0 for none. They show at once where the photo is known. */
export function useRate() {
  const change = useChange();
  const step = useStep();
  const note = useNote();
  const queries = useQueryClient();
  return async (photoId: string, name: string, stars: number) => {
    const { queryKey } = photoOptions(photoId);
    const rating = stars || null;
    queries.setQueryData(queryKey, (photo) => photo && { ...photo, rating });
    try {
      await change(() => step({ photo_ids: [photoId], step: { do: "rate", rating } }, () => t.edits.rated(stars, name)));
    } catch (error) {
      void queries.invalidateQueries({ queryKey });
      note({ text: asApiError(error).message });
    }
  };
}

export function Stars({ photo }: { photo: Photo }) {
  const rate = useRate();
  const may = useMay("write");
  return (
    <Rating
      aria-label={t.photo.rating}
      value={Math.max(photo.rating ?? 0, 0)}
      readOnly={!may}
      allowClear
      getSymbolLabel={(value) => t.edits.stars(value)}
      onChange={(value) => void rate(photo.photo_id, photo.file_name, value)}
    />
  );
}

export function Tags({ photo }: { photo: Photo }) {
  const change = useChange();
  const step = useStep();
  const note = useNote();
  const may = useMay("write");
  const undoLast = useUndo();
  const { data } = useQuery(tagsOptions(photo.photo_id));
  const { data: facets } = useQuery(facetsOptions);
  const given = data?.tags ?? [];
  if (!may) return given.length ? <p>{given.join(", ")}</p> : null;
  const put = async (doing: "tag" | "untag", tags: string[]) => {
    if (tags.length === 0) return;
    const [added, gone] = doing === "tag" ? [tags, []] : [[], tags];
    try {
      await change(() =>
        step({ photo_ids: [photo.photo_id], step: { do: doing, tags } }, () => t.edits.tagged(added, gone, photo.file_name)),
      );
    } catch (error) {
      note({ text: asApiError(error).message });
    }
  };
  const become = (next: string[]) => {
    void put("tag", next.filter((tag) => !given.includes(tag)));
    void put("untag", given.filter((tag) => !next.includes(tag)));
  };
  return (
    <TagsInput
      className="tags"
      label={t.photo.tags}
      placeholder={given.length ? undefined : t.edits.addTag}
      value={given}
      data={facets?.tags.map((tag) => tag.value) ?? []}
      renderPill={tagPill}
      onChange={become}
      // A field without words has nothing of its own to undo.
      onKeyDown={(event) => {
        if (asksToUndo(event.nativeEvent) && !event.currentTarget.value && undoLast()) event.preventDefault();
      }}
      clearable={false}
      comboboxProps={{ zIndex: 500 }}
    />
  );
}

/** Remove photos from the library, and say whether they are; the way back stands in the note. */
export function useHide() {
  const change = useChange();
  const step = useStep();
  const note = useNote();
  return async (photoIds: string[]): Promise<boolean> => {
    try {
      await change(() => step({ photo_ids: photoIds, step: { do: "hide" } }, t.edits.hidden));
      return true;
    } catch (error) {
      note({ text: asApiError(error).message });
      return false;
    }
  };
}

/** Of a photo that was removed: that it is, and the way back. */
export function RemovedNote({ photo, since }: { photo: Photo; since: string }) {
  const bringBack = useRestore();
  const note = useNote();
  const may = useMay("write");
  const [busy, setBusy] = useState(false);
  const restore = async () => {
    setBusy(true);
    try {
      await bringBack([photo.photo_id]);
    } catch (error) {
      note({ text: asApiError(error).message });
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="notice warning">
      <p>{t.photo.removed(moment(since))}</p>
      {may && (
        <div className="buttons">
          <Button disabled={busy} onClick={() => void restore()}>
            {t.photo.bringBack}
          </Button>
        </div>
      )}
    </div>
  );
}

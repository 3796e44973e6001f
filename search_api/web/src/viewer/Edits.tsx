// What a person says of a photo: stars, caption, tags; and that it should leave the library.

import { Button, Rating, TagsInput, Textarea } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
import { useEffect, useState } from "react";

import { answer, asApiError, client, type Photo } from "../api/client";
import { facetsOptions, tagsOptions, useMay } from "../api/library";
import { useSearchSoon } from "../search/refresh";
import { useKeys } from "../shell/layers";
import { useNote, useUndo } from "../shell/Notes";
import { tagPill } from "../shell/TagPill";
import { t } from "../texts";

const AT_ONCE = ["photo", "tags", "status", "hidden"];

/** After a change: the photo at once, search as soon as it knows. */
export function useChanged() {
  const queries = useQueryClient();
  const searchSoon = useSearchSoon();
  return async () => {
    searchSoon();
    await Promise.all(AT_ONCE.map((key) => queries.invalidateQueries({ queryKey: [key] })));
  };
}

// Captions that were begun and not kept yet, by photo: who looks at another photo in between finds them again.
const drafts = new Map<string, string>();

export function Caption({ photo }: { photo: Photo }) {
  const changed = useChanged();
  const note = useNote();
  const may = useMay("write");
  const [text, setText] = useState<string | null>(drafts.get(photo.photo_id) ?? null); // null: not being written
  const path = { photo_id: photo.photo_id };
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
      if (written) await answer(client.PUT("/api/v1/images/{photo_id}/caption", { params: { path }, body: { text: written } }));
      else await answer(client.DELETE("/api/v1/images/{photo_id}/caption", { params: { path } }));
      drop();
      note({
        text: t.edits.captioned(photo.file_name, written !== ""),
        undo: async () => {
          // What was written of another photo of the stack, or a model said, shows again by itself.
          const { caption } = await answer(client.DELETE("/api/v1/images/{photo_id}/caption", { params: { path } }));
          const before = photo.caption_source === "written" ? photo.caption : null;
          if (before && before !== caption)
            await answer(client.PUT("/api/v1/images/{photo_id}/caption", { params: { path }, body: { text: before } }));
          await changed();
        },
      });
      await changed();
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

export function Stars({ photo }: { photo: Photo }) {
  const changed = useChanged();
  const note = useNote();
  const may = useMay("write");
  const [given, setGiven] = useState(photo.rating ?? null);
  useEffect(() => setGiven(photo.rating ?? null), [photo.rating]);
  const path = { photo_id: photo.photo_id };
  const put = (rating: number | null) =>
    answer(client.PUT("/api/v1/images/{photo_id}/rating", { params: { path }, body: { rating } }));
  const give = async (stars: number) => {
    const before = given;
    const rating = stars || null;
    if (rating === before) return;
    setGiven(rating);
    try {
      await put(rating);
      note({
        text: t.edits.rated(stars, photo.file_name),
        undo: async () => {
          // The file may have said it: then it was not given.
          const { rating: said } = await answer(client.DELETE("/api/v1/images/{photo_id}/rating", { params: { path } }));
          if (said !== before) await put(before);
          setGiven(before);
          await changed();
        },
      });
      await changed();
    } catch (error) {
      setGiven(photo.rating ?? null);
      note({ text: asApiError(error).message });
    }
  };
  useKeys((event) => {
    if (may && /^[1-5]$/.test(event.key)) void give(Number(event.key));
  });
  return (
    <Rating
      aria-label={t.photo.rating}
      value={Math.max(given ?? 0, 0)}
      readOnly={!may}
      allowClear
      getSymbolLabel={(value) => t.edits.stars(value)}
      onChange={(value) => void give(value)}
    />
  );
}

export function Tags({ photo }: { photo: Photo }) {
  const changed = useChanged();
  const note = useNote();
  const may = useMay("write");
  const queries = useQueryClient();
  const undoLast = useUndo();
  const path = { photo_id: photo.photo_id };
  const { data } = useQuery(tagsOptions(photo.photo_id));
  const { data: facets } = useQuery(facetsOptions);
  const given = data?.tags ?? [];
  if (!may) return given.length ? <p>{given.join(", ")}</p> : null;
  const add = async (tags: string[]) =>
    tags.length && (await answer(client.POST("/api/v1/images/{photo_id}/tags", { params: { path }, body: { tags } })));
  const takeOff = async (tag: string[]) =>
    tag.length && (await answer(client.DELETE("/api/v1/images/{photo_id}/tags", { params: { path, query: { tag } } })));
  const change = async (next: string[]) => {
    try {
      // What it has now, not what is shown: one that it had already is not taken off by going back.
      const { tags: before } = await queries.fetchQuery({ ...tagsOptions(photo.photo_id), staleTime: 0 });
      const added = next.filter((tag) => !given.includes(tag) && !before.includes(tag));
      const gone = given.filter((tag) => !next.includes(tag) && before.includes(tag));
      await add(added);
      await takeOff(gone);
      if (added.length + gone.length > 0) {
        note({
          text: t.edits.tagged(added, gone, photo.file_name),
          undo: async () => {
            await takeOff(added);
            await add(gone);
            await changed();
          },
        });
      }
      await changed();
    } catch (error) {
      note({ text: asApiError(error).message });
    }
  };
  return (
    <TagsInput
      className="tags"
      label={t.photo.tags}
      placeholder={given.length ? undefined : t.edits.addTag}
      value={given}
      data={facets?.tags.map((tag) => tag.value) ?? []}
      renderPill={tagPill}
      onChange={(next) => void change(next)}
      // A field without words has nothing of its own to undo.
      onKeyDown={(event) => {
        if (event.key === "z" && (event.ctrlKey || event.metaKey) && !event.currentTarget.value && undoLast()) event.preventDefault();
      }}
      clearable={false}
      comboboxProps={{ zIndex: 500 }}
    />
  );
}

/** Remove photos from the library, and say whether they are; the way back stands in the note. */
export function useHide() {
  const changed = useChanged();
  const note = useNote();
  return async (photoIds: string[]): Promise<boolean> => {
    try {
      const { photo_ids: hidden } = await answer(client.POST("/api/v1/hidden", { body: { photo_ids: photoIds } }));
      note({
        text: t.edits.hidden(hidden.length),
        undo: async () => {
          await answer(client.POST("/api/v1/hidden/show", { body: { photo_ids: hidden } }));
          await changed();
        },
      });
      void changed();
      return true;
    } catch (error) {
      note({ text: asApiError(error).message });
      return false;
    }
  };
}

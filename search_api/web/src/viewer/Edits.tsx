// What a person says of a photo: stars, caption, tags; and that it should leave the library.

import { Button, Rating, TagsInput, Textarea } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
import { useEffect, useState } from "react";

import { answer, asApiError, client, type Photo } from "../api/client";
import { facetsOptions, useMay } from "../api/library";
import { useSearchSoon } from "../search/refresh";
import { useKeys } from "../shell/layers";
import { useNote } from "../shell/Notes";
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
  const [given, setGiven] = useState(photo.rating ?? 0);
  useEffect(() => setGiven(photo.rating ?? 0), [photo.rating]);
  const give = async (rating: number) => {
    setGiven(rating);
    const path = { photo_id: photo.photo_id };
    try {
      await answer(
        client.PUT("/api/v1/images/{photo_id}/rating", { params: { path }, body: { rating: rating === 0 ? null : rating } }),
      );
      await changed();
    } catch (error) {
      setGiven(photo.rating ?? 0);
      note({ text: asApiError(error).message });
    }
  };
  useKeys((event) => {
    if (may && /^[1-5]$/.test(event.key)) void give(Number(event.key));
  });
  return (
    <Rating
      aria-label={t.photo.rating}
      value={Math.max(given, 0)}
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
  const path = { photo_id: photo.photo_id };
  const { data } = useQuery({
    queryKey: ["tags", photo.photo_id],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/images/{photo_id}/tags", { params: { path }, signal })),
  });
  const { data: facets } = useQuery(facetsOptions);
  const given = data?.tags ?? [];
  if (!may) return given.length ? <p>{given.join(", ")}</p> : null;
  const change = async (next: string[]) => {
    const added = next.filter((tag) => !given.includes(tag));
    const gone = given.filter((tag) => !next.includes(tag));
    try {
      if (added.length) await answer(client.POST("/api/v1/images/{photo_id}/tags", { params: { path }, body: { tags: added } }));
      if (gone.length) await answer(client.DELETE("/api/v1/images/{photo_id}/tags", { params: { path, query: { tag: gone } } }));
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
      onChange={(next) => void change(next)}
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

// The photos that belong to one, and what a person may say about that.

import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { answer, asApiError, client, type Photo } from "../api/client";
import { stackOptions } from "../api/library";
import { useChange, useNote } from "../shell/Notes";
import { t } from "../texts";
import { PictureLink } from "./Facts";

type Action = "cover" | "takeOut" | "apart";

const DONE: Record<Action, string> = {
  cover: t.stack.coverDone,
  takeOut: t.stack.takeOutDone,
  apart: t.stack.apartDone,
};

async function ask(action: Action | "together", photoId: string): Promise<unknown> {
  const params = { path: { photo_id: photoId } };
  switch (action) {
    case "cover":
      return answer(client.POST("/api/v1/images/{photo_id}/stack/cover", { params }));
    case "takeOut":
      return answer(client.POST("/api/v1/images/{photo_id}/stack/take-out", { params }));
    case "apart":
      return answer(client.DELETE("/api/v1/images/{photo_id}/stack", { params }));
    case "together":
      return answer(client.POST("/api/v1/images/{photo_id}/stack/reunite", { params }));
  }
}

export function Stack({ photo, onChanged }: { photo: Photo; onChanged: () => void }) {
  const queries = useQueryClient();
  const change = useChange();
  const note = useNote();
  const [busy, setBusy] = useState(false);
  const { data: stack } = useQuery(stackOptions(photo.photo_id));
  if (!stack) return null;
  const cover = stack.photos[0]?.photo_id;
  const make = async (action: Action) => {
    const refresh = () => {
      onChanged();
      void queries.invalidateQueries({ queryKey: ["photo"] });
      // A photo that stands alone now has no stack to ask for.
      void queries.invalidateQueries({ queryKey: ["stack"], refetchType: action === "cover" ? "active" : "none" });
    };
    setBusy(true);
    try {
      await change(async () => {
        await ask(action, photo.photo_id);
        refresh();
        return {
          text: DONE[action],
          undo: async () => {
            if (action !== "cover") await ask("together", photo.photo_id);
            else if (cover) await ask("cover", cover);
            refresh();
          },
        };
      });
    } catch (error) {
      note({ text: asApiError(error).message });
    } finally {
      setBusy(false);
    }
  };
  const title =
    stack.kind === "raw_jpeg" ? t.stack.rawJpeg(stack.photos.length)
    : stack.kind === "edit" ? t.stack.edit(stack.photos.length)
    : t.stack.burst(stack.photos.length);
  const button = (action: Action, text: string) => (
    <Button size="compact-sm" variant="default" disabled={busy} onClick={() => void make(action)}>
      {text}
    </Button>
  );
  return (
    <section className="stack" aria-labelledby="stack-title">
      <h3 id="stack-title">{title}</h3>
      <ul className="neighbours">
        {stack.photos.map((member, at) => (
          <PictureLink
            key={member.photo_id}
            photo={member}
            text={at === 0 ? t.stack.theCover(member.file_name) : member.file_name}
            current={member.photo_id === photo.photo_id}
            badge={at === 0 ? t.stack.cover : (member.format ?? undefined)}
          />
        ))}
      </ul>
      <div className="buttons">
        {!photo.stack?.is_cover && button("cover", t.stack.makeCover)}
        {stack.photos.length > 2 && button("takeOut", t.stack.takeOut)}
        {button("apart", t.stack.apart)}
      </div>
    </section>
  );
}

// The photos that belong to one, and what a person may say about that.

import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { answer, asApiError, client, type Photo } from "../api/client";
import { stackOptions } from "../api/library";
import { t } from "../texts";
import { PictureLink } from "./Facts";

type Action = "cover" | "takeOut" | "apart" | "together";

export interface StackChange {
  said: string | null;
  undo: (() => void) | null;
  busy: boolean;
  make: (action: Action) => void;
}

const DONE: Record<Action, string> = {
  cover: t.stack.coverDone,
  takeOut: t.stack.takeOutDone,
  apart: t.stack.apartDone,
  together: t.stack.together,
};

async function ask(action: Action, photoId: string): Promise<unknown> {
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

/** Changes of a photo's stack: what became of them, and the way back where there is one. */
export function useStackChange(photoId: string, onChanged: () => void): StackChange {
  const queries = useQueryClient();
  const [said, setSaid] = useState<string | null>(null);
  const [separated, setSeparated] = useState(false);
  const [busy, setBusy] = useState(false);
  const make = async (action: Action) => {
    setBusy(true);
    try {
      await ask(action, photoId);
      onChanged();
      setSaid(DONE[action]);
      setSeparated(action === "apart" || action === "takeOut");
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["photo"] }),
        // A photo that stands alone now has no stack to ask for.
        queries.invalidateQueries({ queryKey: ["stack"], refetchType: action === "cover" ? "active" : "none" }),
      ]);
    } catch (error) {
      setSaid(asApiError(error).message);
    } finally {
      setBusy(false);
    }
  };
  return { said, busy, make: (action) => void make(action), undo: separated ? () => void make("together") : null };
}

export function Stack({ photo, change }: { photo: Photo; change: StackChange }) {
  const { data: stack } = useQuery(stackOptions(photo.photo_id));
  if (!stack) return null;
  const title =
    stack.kind === "raw_jpeg" ? t.stack.rawJpeg(stack.photos.length)
    : stack.kind === "edit" ? t.stack.edit(stack.photos.length)
    : t.stack.burst(stack.photos.length);
  const button = (action: Action, text: string) => (
    <Button size="compact-sm" variant="default" disabled={change.busy} onClick={() => change.make(action)}>
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

// The folders of the machine that Loupe runs on, opened one by one.

import { Button } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ArrowUp, Folder } from "lucide-react";

import { answer, asApiError, client } from "../api/client";
import { t } from "../texts";

interface Props {
  /** The folder that is open; null: where one begins. */
  path: string | null;
  onOpen: (path: string | null) => void;
}

export function FolderPicker({ path, onOpen }: Props) {
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ["directories", path],
    queryFn: ({ signal }) =>
      answer(client.GET("/api/v1/directories", { params: { query: path === null ? {} : { path } }, signal })),
    placeholderData: keepPreviousData,
  });
  const folders = data?.directories.filter((each) => !each.hidden) ?? [];
  return (
    <div className="picker" role="group" aria-label={t.add.folders} aria-busy={isPlaceholderData}>
      {path !== null && (
        <Button
          size="compact-sm"
          variant="subtle"
          color="gray"
          leftSection={<ArrowUp size={15} aria-hidden="true" />}
          onClick={() => onOpen(data?.parent ?? null)}
        >
          {data?.parent ? t.add.up(data.parent) : t.add.start}
        </Button>
      )}
      {error ? (
        <p className="muted">{asApiError(error).message}</p>
      ) : (
        <ul>
          {folders.map((each) => (
            <li key={each.path}>
              <button type="button" disabled={!each.readable} onClick={() => onOpen(each.path)} title={each.path}>
                <Folder size={17} aria-hidden="true" />
                <span className="value">{each.name}</span>
                {each.watched && <span className="tag">{t.add.watched}</span>}
                <span className="count">
                  {!each.readable ? t.add.closed : each.photos === null ? t.add.many : each.photos > 0 ? t.library.photos(each.photos) : ""}
                </span>
              </button>
            </li>
          ))}
          {data && folders.length === 0 && <li className="muted">{t.add.noFolders}</li>}
          {data?.more && <li className="muted">{t.add.more}</li>}
        </ul>
      )}
    </div>
  );
}

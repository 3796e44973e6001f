// Photos that came in although something was odd in their files.

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";

import { answer, client, type WarnedPhoto } from "../api/client";
import { Trouble } from "../shell/Trouble";
import { t } from "../texts";
import { address } from "../view";
import { nameOf } from "../wording";
import { FileName, Kind } from "./Kind";

export function Warnings({ under }: { under?: string }) {
  const asked = useQuery({
    queryKey: ["warnings", under ?? null],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/warnings", { params: { query: { under, limit: 1 } }, signal })),
  });
  const { data } = asked;
  if (!data) return <Trouble of={asked} />;
  if (data.total === 0) return <p className="muted">{t.warnings.none}</p>;
  return (
    <>
      <Trouble of={asked} />
      <div className="intro">
        <p>{t.warnings.intro(data.total)}</p>
      </div>
      {data.by_code.map((kind) => (
        <Kind<WarnedPhoto>
          key={kind.code}
          title={kind.meaning}
          count={kind.count}
          advice={kind.advice}
          queryKey={["warnings", under ?? null, kind.code]}
          load={async (offset, limit, signal) => {
            const query = { code: [kind.code], under, limit, offset };
            return (await answer(client.GET("/api/v1/warnings", { params: { query }, signal }))).photos;
          }}
          row={(photo) => (
            <li key={photo.photo_id} className="with-picture">
              <Link href={address({}, { photo: photo.photo_id })} aria-label={t.warnings.show(nameOf(photo.path))}>
                <img src={photo.thumbnail_url} alt="" loading="lazy" />
              </Link>
              <FileName path={photo.path} after={photo.pages > 1 ? ` · ${t.photo.pageOf(photo.page, photo.pages)}` : ""} />
            </li>
          )}
        />
      ))}
    </>
  );
}

// The first code of the page, and little of it: asks for what the first screen shows while the rest is on its way.

import { askEarly } from "./api/early";
import type { SearchReply } from "./api/client";
import { BLOCK, searchOf } from "./search/asked";
import { read } from "./view";

const SCREEN = 24; // photos, about
const isPhotos = location.pathname === "/";
const view = read(location.search);
const search = searchOf(view, null, 0);

if (isPhotos && !view.saved && search.seed === null) {
  askEarly("/api/v1/search", { ...search.body, limit: BLOCK, offset: 0 })
    .then(async (reply) => {
      if (!reply.ok) return;
      const { hits } = (await reply.clone().json()) as SearchReply;
      for (const { thumbnail_url } of hits.slice(0, SCREEN)) new Image().src = thumbnail_url;
    })
    .catch(() => undefined); // the page asks again and says what is wrong
}
for (const path of ["/api/v1/status", "/api/v1/session"]) void askEarly(path);

void import("./main");

// What stands around every view, and which view an address shows.

import { Button } from "@mantine/core";
import { lazy, Suspense, useEffect, useLayoutEffect, useRef } from "react";
import { Link, Route, Switch } from "wouter";
import { usePathname } from "wouter/use-browser-location";

import { DropTarget } from "./search/DropTarget";
import { PictureProvider } from "./search/picture";
import { SearchPage } from "./search/SearchPage";
import { AddPhotosProvider } from "./shell/AddPhotos";
import { Banners } from "./shell/Banners";
import { Boundary } from "./shell/Boundary";
import { useKeptFocus } from "./shell/focus";
import { Keys } from "./shell/Keys";
import { NotesProvider } from "./shell/Notes";
import { ProgressStrip } from "./shell/ProgressStrip";
import { TopBar } from "./shell/TopBar";
import { t } from "./texts";
import { segment } from "./view";

const LibraryPage = lazy(() => import("./library/LibraryPage").then((module) => ({ default: module.LibraryPage })));
const DuplicatesPage = lazy(() => import("./duplicates/DuplicatesPage").then((module) => ({ default: module.DuplicatesPage })));
const CollectionsPage = lazy(() => import("./collections/CollectionsPage").then((module) => ({ default: module.CollectionsPage })));
const CollectionPage = lazy(() => import("./collections/CollectionPage").then((module) => ({ default: module.CollectionPage })));
const ChallengePage = lazy(() => import("./challenge/ChallengePage").then((module) => ({ default: module.ChallengePage })));
const MapPage = lazy(() => import("./map/MapPage").then((module) => ({ default: module.MapPage })));
const PlacesPage = lazy(() => import("./places/PlacesPage").then((module) => ({ default: module.PlacesPage })));
const SettingsPage = lazy(() => import("./settings/SettingsPage").then((module) => ({ default: module.SettingsPage })));

export function App() {
  return (
    <PictureProvider>
      <NotesProvider>
        <AddPhotosProvider>
          <Shell />
        </AddPhotosProvider>
      </NotesProvider>
    </PictureProvider>
  );
}

function Shell() {
  const path = usePathname();
  const collection = segment(path, 1);
  useKeptFocus();
  return (
    <>
      <a className="skip-link" href="#content">
        {t.nav.skipToContent}
      </a>
      <TopBar />
      <ProgressStrip />
      <Banners />
      <Boundary at={path}>
        <Suspense fallback={<main id="content" className="page" aria-busy="true" />}>
          <Arrival path={path} />
          <Switch>
            <Route path="/">
              <SearchPage />
            </Route>
            <Route path="/library">
              <LibraryPage section="folders" />
            </Route>
            <Route path="/library/:section">{({ section }) => <LibraryPage section={section} />}</Route>
            <Route path="/map">
              <MapPage />
            </Route>
            <Route path="/duplicates">
              <DuplicatesPage />
            </Route>
            <Route path="/collections">
              <CollectionsPage />
            </Route>
            <Route path="/collections/:name">
              <CollectionPage key={collection} name={collection} />
            </Route>
            <Route path="/places">
              <PlacesPage />
            </Route>
            <Route path="/test-me">
              <ChallengePage />
            </Route>
            <Route path="/settings">
              <SettingsPage />
            </Route>
            <Route>
              <NotFound />
            </Route>
          </Switch>
        </Suspense>
      </Boundary>
      <DropTarget />
      <Keys />
    </>
  );
}

function NotFound() {
  useEffect(() => {
    document.title = `${t.states.noPage} · ${t.brand}`;
  }, []);
  return (
    <main id="content" tabIndex={-1} className="page">
      <div className="message">
        <h1>{t.states.noPage}</h1>
        <p>{t.states.noPageNote}</p>
        <Button component={Link} href="/">
          {t.states.toPhotos}
        </Button>
      </div>
    </main>
  );
}

/** Who follows a link to another view is in it. */
function Arrival({ path }: { path: string }) {
  const before = useRef(path);
  useLayoutEffect(() => {
    if (before.current === path) return;
    before.current = path;
    const at = document.activeElement;
    if (!at || at === document.body || at.matches(".top-bar a")) document.getElementById("content")?.focus({ preventScroll: true });
  }, [path]);
  return null;
}

// What stands around every view, and which view an address shows.

import { useState } from "react";
import { Redirect, Route, Switch } from "wouter";

import { useView } from "./address";
import { DuplicatesPage } from "./duplicates/DuplicatesPage";
import { LibraryPage } from "./library/LibraryPage";
import { DropTarget } from "./search/DropTarget";
import { PictureProvider } from "./search/picture";
import { hasFilters } from "./search/request";
import { SearchPage } from "./search/SearchPage";
import { SettingsPage } from "./settings/SettingsPage";
import { AddPhotosProvider } from "./shell/AddPhotos";
import { Banners } from "./shell/Banners";
import { Keys } from "./shell/Keys";
import { NotesProvider } from "./shell/Notes";
import { ProgressStrip } from "./shell/ProgressStrip";
import { TopBar } from "./shell/TopBar";
import { t } from "./texts";

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
  const { view } = useView();
  const [filtersOpen, setFiltersOpen] = useState(() => hasFilters(view));
  return (
    <>
      <a className="skip-link" href="#content">
        {t.nav.skipToContent}
      </a>
      <TopBar filtersOpen={filtersOpen} setFiltersOpen={setFiltersOpen} />
      <ProgressStrip />
      <Banners />
      <Switch>
        <Route path="/">
          <SearchPage filtersOpen={filtersOpen} />
        </Route>
        <Route path="/library">
          <LibraryPage section="folders" />
        </Route>
        <Route path="/library/:section">{({ section }) => <LibraryPage section={section} />}</Route>
        <Route path="/duplicates">
          <DuplicatesPage />
        </Route>
        <Route path="/settings">
          <SettingsPage />
        </Route>
        <Route>
          <Redirect to="/" replace />
        </Route>
      </Switch>
      <DropTarget />
      <Keys />
    </>
  );
}

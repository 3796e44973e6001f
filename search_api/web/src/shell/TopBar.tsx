// The bar above every view: the way home, the search box, the views.

import { Button, Tooltip } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Album, Copy, Images, Library as LibraryIcon, MapPin, Orbit, Plus, Settings, TriangleAlert } from "lucide-react";
import { type ComponentType, type MouseEvent, type ReactNode, useLayoutEffect, useRef } from "react";
import { Link, useRoute } from "wouter";

import { useView } from "../address";
import { useStatus } from "../api/library";
import { usePicture } from "../search/picture";
import { SearchBox } from "../search/SearchBox";
import { t } from "../texts";
import { address, type Changes } from "../view";
import { number } from "../wording";
import { useAddPhotos } from "./AddPhotos";
import { barHeight } from "./bar";

// What is searched for goes along to the map, but for what it has no use for.
const OFF_THE_MAP: Changes = { photo: null, panel: null, sort: null, random: null, scores: null, saved: null, under: null };

// As style.css has it: when the bar has words for a button, for the views, and only a number for what to look at.
const NARROW = "(max-width: 860px)";
const WIDE = "(min-width: 1360px)";
const COUNTED = "(max-width: 1000px), (min-width: 1360px) and (max-width: 1479px)";

export function TopBar() {
  const { view, path, go } = useView();
  const { setPicture } = usePicture();
  const { data: status } = useStatus();
  const add = useAddPhotos();
  const home = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    setPicture(null);
    go("/");
    window.scrollTo({ top: 0 });
  };
  // How high it is depends on the window; what scrolls below it must know.
  const bar = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const look = () => document.documentElement.style.setProperty("--bar", `${barHeight()}px`);
    const observer = new ResizeObserver(look);
    if (bar.current) observer.observe(bar.current);
    return () => observer.disconnect();
  }, []);
  const narrow = useMediaQuery(NARROW);
  const counted = useMediaQuery(COUNTED);
  const problems = status?.failures ?? 0;
  const warned = status?.warned ?? 0;
  const look = problems > 0 ? t.nav.problemFiles(problems) : t.nav.worthALook(warned);
  return (
    <header ref={bar} className="top-bar">
      <a className="brand" href="/" aria-label={t.brand} onClick={home}>
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <circle cx="13.5" cy="13.5" r="9" />
          <path d="M20.2 20.2 28 28" />
        </svg>
        <span>{t.brand}</span>
      </a>
      <SearchBox />
      <nav className="views" aria-label={t.nav.label}>
        {problems + warned > 0 && (
          <Tooltip label={look} disabled={!counted}>
            <Link className="problems" href={problems > 0 ? "/library/problems" : "/library/warnings"} aria-label={look}>
              <TriangleAlert size={16} aria-hidden="true" />
              <span className="long">{look}</span>
              <span className="short">{number(problems || warned)}</span>
            </Link>
          </Tooltip>
        )}
        <View href="/" icon={Images} onClick={() => setPicture(null)}>
          {t.nav.photos}
        </View>
        <View href={address(path === "/" ? view : {}, OFF_THE_MAP, "/map")} path="/map" icon={Orbit}>
          {t.nav.map}
        </View>
        <View href={address(path === "/" ? view : {}, OFF_THE_MAP, "/places")} path="/places" icon={MapPin}>
          {t.nav.places}
        </View>
        <View href="/library" icon={LibraryIcon}>
          {t.nav.library}
        </View>
        <View href="/collections" icon={Album}>
          {t.nav.collections}
        </View>
        <View href="/duplicates" icon={Copy}>
          {t.nav.duplicates}
        </View>
        <View href="/settings" icon={Settings}>
          {t.nav.settings}
        </View>
        <Tooltip label={t.nav.addPhotos} disabled={!narrow}>
          <Button className="add" leftSection={<Plus size={16} aria-hidden="true" />} onClick={add.open} aria-label={t.nav.addPhotos}>
            <span>{t.nav.addPhotos}</span>
          </Button>
        </Tooltip>
      </nav>
    </header>
  );
}

interface ViewProps {
  href: string;
  path?: string;
  icon: ComponentType<{ size: number; "aria-hidden"?: "true" }>;
  onClick?: () => void;
  children: ReactNode;
}

function View({ href, path = href, icon: Icon, onClick, children }: ViewProps) {
  const [here] = useRoute(path === "/library" || path === "/collections" ? `${path}/*?` : path);
  const wide = useMediaQuery(WIDE);
  return (
    <Tooltip label={children} disabled={wide}>
      <Link href={href} onClick={onClick} className="view" aria-current={here ? "page" : undefined} aria-label={String(children)}>
        <Icon size={19} aria-hidden="true" />
        <span>{children}</span>
      </Link>
    </Tooltip>
  );
}

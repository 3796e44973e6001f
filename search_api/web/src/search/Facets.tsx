// The panel beside the photos: when, where on the disk, and by what else there is, each with its count.

import { Button, NativeSelect, SegmentedControl, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useMemo, useState } from "react";

import { useView } from "../address";
import type { Facet, Facets } from "../api/client";
import { t } from "../texts";
import { type ChoiceKey, type FilterKey, joined, listed, withoutFilters } from "../view";
import { number } from "../wording";
import { FolderTree } from "./FolderTree";
import { Histogram } from "./Histogram";
import { hasFilters } from "./asked";
import { partOf, parts, writtenParts } from "./parts";
import { facetsOf } from "./request";

const FEW = 6;
const SEARCHED_FROM = 15;
const OPEN: ReadonlySet<string> = new Set(["camera", "person", "country", "tag"]);

/** The counts of a field are those that the other filters leave, so that a choice can be changed. */
function useFacets(keys: FilterKey[]): Facets | undefined {
  const { view } = useView();
  const others = { ...view };
  for (const key of keys) delete others[key];
  return useQuery(facetsOf(others)).data;
}

export function FacetPanel() {
  const { view, show } = useView();
  const outside = useFacets(["folder"]);
  const fixed = (key: FilterKey, label: string, choices: Record<string, string>) => (
    <NativeSelect
      label={label}
      size="xs"
      value={view[key] ?? ""}
      onChange={(event) => show({ [key]: event.currentTarget.value || null })}
      data={Object.entries(choices).map(([value, text]) => ({ value, label: text }))}
    />
  );
  return (
    <>
      <div className="facets-head">
        <h2>{t.filters.label}</h2>
        {hasFilters(view) && (
          <Button size="compact-sm" variant="subtle" onClick={() => show(withoutFilters())}>
            {t.filters.clearShort}
          </Button>
        )}
      </div>
      <When />
      <Group name={t.filters.folder} open chosen={Boolean(view.folder)}>
        <FolderTree found={outside?.folders} />
      </Group>
      <Choices at="camera" of={(all) => all.cameras} name={t.filters.camera} />
      <Choices at="person" of={(all) => all.people} name={t.filters.person} />
      <Choices at="country" of={(all) => all.countries} name={t.filters.country} />
      <Choices at="region" of={(all) => all.regions} name={t.filters.region} />
      <Choices at="city" of={(all) => all.cities} name={t.filters.city} />
      <Choices at="tag" of={(all) => all.tags} name={t.filters.tag} all />
      <Choices at="keyword" of={(all) => all.keywords} name={t.filters.keyword} />
      <Choices at="collection" of={(all) => all.collections} name={t.filters.collection} />
      <Choices at="format" of={(all) => all.formats} name={t.filters.format} />
      <Choices at="lens" of={(all) => all.lenses} name={t.filters.lens} />
      <Choices at="orientation" of={(all) => all.orientations} name={t.filters.orientation} names={t.filters.orientations} />
      <Choices at="label" of={(all) => all.color_labels} name={t.filters.label_} />
      <Group name={t.filters.rating} chosen={Boolean(view.rating)}>
        <SegmentedControl
          aria-label={t.filters.rating}
          size="xs"
          fullWidth
          value={view.rating ?? ""}
          onChange={(value) => show({ rating: value || null })}
          data={[
            { value: "", label: t.filters.any },
            ...[1, 2, 3, 4, 5].map((stars) => ({
              value: String(stars),
              label: <span aria-label={t.filters.stars(stars)}>{stars === 5 ? "★5" : `${stars}+`}</span>,
            })),
          ]}
        />
      </Group>
      <Group name={t.filters.more} chosen={Boolean(view.also || view.not || view.motion || view.stacks || view.mode)}>
        <Words at="also" label={t.filters.also} example={t.filters.alsoExample} />
        <Words at="not" label={t.filters.without} example={t.filters.withoutExample} />
        {fixed("motion", t.filters.motion, { "": t.filters.any, ...t.filters.motions })}
        {fixed("stacks", t.filters.stacks, t.filters.stackChoices)}
        {fixed("mode", t.filters.mode, t.filters.modes)}
      </Group>
    </>
  );
}

/** Part of the panel that folds; what is chosen in it holds it open at first. */
function Group({ name, open = false, chosen = false, children }: { name: string; open?: boolean; chosen?: boolean; children: ReactNode }) {
  const [first] = useState(open || chosen);
  return (
    <details open={first} className="facet">
      <summary>
        <h3>{name}</h3>
        {chosen && <span className="dot" role="img" aria-label={t.filters.chosen} />}
      </summary>
      <div className="facet-body">{children}</div>
    </details>
  );
}

function When() {
  const { view, show } = useView();
  const facets = useFacets(["from", "to"]);
  return (
    <Group name={t.filters.when} open>
      {facets && (
        <Histogram
          months={facets.months}
          from={view.from}
          to={view.to}
          onChange={(from, to, byKey) => show({ from, to }, { replace: byKey })}
        />
      )}
      <div className="days">
        <Day at="from" label={t.filters.from} />
        <Day at="to" label={t.filters.to} />
      </div>
    </Group>
  );
}

const FIRST_YEAR = 1800; // the years before it are those that are passed while one is typed

function Day({ at, label }: { at: "from" | "to"; label: string }) {
  const { view, show } = useView();
  const said = view[at] ?? "";
  const [day, setDay] = useState(said);
  useEffect(() => setDay(said), [said]);
  return (
    <TextInput
      type="date"
      size="xs"
      label={label}
      value={day}
      onChange={(event) => {
        const next = event.currentTarget.value;
        setDay(next);
        if (!next || Number(next.slice(0, 4)) >= FIRST_YEAR) show({ [at]: next || null });
      }}
      onBlur={() => show({ [at]: day || null })}
    />
  );
}

interface ChoicesProps {
  at: ChoiceKey;
  of: (facets: Facets) => Facet[] | undefined;
  name: string;
  /** How values are called, where not by themselves. */
  names?: Record<string, string>;
  /** All that are chosen must hold, instead of any of them. */
  all?: boolean;
}

function Choices({ at, of, name, names, all }: ChoicesProps) {
  const { view, show } = useView();
  const chosen = listed(view[at]);
  const facets = useFacets(all ? [] : [at]);
  const [whole, setWhole] = useState(false);
  const [wanted, setWanted] = useState("");
  const values = useMemo(() => {
    const found = facets ? (of(facets) ?? []) : [];
    const lost = chosen.filter((value) => !found.some((each) => each.value === value));
    return [...lost.map((value): Facet => ({ value, count: 0 })), ...found];
  }, [facets, view[at]]); // eslint-disable-line
  if (values.length === 0) return null;
  const asked = wanted.trim().toLocaleLowerCase();
  const fitting = asked ? values.filter(({ value }) => value.toLocaleLowerCase().includes(asked)) : values;
  const shown = whole ? fitting : fitting.filter(({ value }, index) => index < FEW || chosen.includes(value));
  const most = Math.max(...values.map(({ count }) => count), 1);
  const change = (value: string, on: boolean) =>
    show({ [at]: joined(on ? [...chosen, value] : chosen.filter((each) => each !== value)) });
  return (
    <Group name={name} open={OPEN.has(at)} chosen={chosen.length > 0}>
      {whole && values.length >= SEARCHED_FROM && (
        <TextInput
          size="xs"
          type="search"
          aria-label={t.filters.find(name)}
          placeholder={t.filters.findShort}
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      <ul className="values" aria-label={name}>
        {shown.map(({ value, label, count }) => (
          <li key={value}>
            <label>
              <input type="checkbox" checked={chosen.includes(value)} onChange={(event) => change(value, event.currentTarget.checked)} />
              <span className="value">{names?.[value] ?? label ?? value}</span>
              <span className="count">{number(count)}</span>
              <span className="share" aria-hidden="true" style={{ width: `${(100 * count) / most}%` }} />
            </label>
          </li>
        ))}
      </ul>
      {values.length > FEW && (
        <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setWhole(!whole)}>
          {whole ? t.filters.fewer : t.filters.all(values.length)}
        </Button>
      )}
    </Group>
  );
}

/** Texts that go with the search, parted by commas; asked for when a person is done writing. */
function Words({ at, label, example }: { at: "also" | "not"; label: string; example: string }) {
  const { view, show } = useView();
  const said = parts(view[at])
    .map(({ value, weight }) => (weight === 1 ? value : `${value}^${weight}`))
    .join(", ");
  const [text, setText] = useState(said);
  useEffect(() => setText(said), [said]);
  const ask = () => show({ [at]: writtenParts(text.split(",").map(partOf).filter((part) => part.value)) });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        ask();
      }}
    >
      <TextInput
        label={label}
        size="xs"
        placeholder={example}
        autoComplete="off"
        maxLength={500}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={ask}
      />
    </form>
  );
}

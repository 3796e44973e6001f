// What the results can be narrowed by.

import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { type FilterKey, useView, withoutFilters } from "../address";
import { collectionsOptions, facetsOptions } from "../api/library";
import { t } from "../texts";
import { hasFilters } from "./request";

interface Value {
  value: string;
  label?: string | null;
  count: number;
}

export function Filters() {
  const { view, show } = useView();
  const { data: facets } = useQuery(facetsOptions);
  const { data: collections } = useQuery(collectionsOptions);
  const named = collections?.collections.map((entry) => ({ value: entry.name, count: entry.photos }));

  /** A choice of what there is; without a choice it stays away. */
  const choice = (key: FilterKey, label: string, values: Value[] | undefined, always = false, any = t.filters.any) => {
    const chosen = view[key] ?? "";
    if (!always && !chosen && !values?.length) return null;
    const options = (values ?? []).map((entry) => ({
      value: entry.value,
      label: t.filters.withCount(entry.label ?? entry.value, entry.count),
    }));
    if (chosen && !options.some((entry) => entry.value === chosen)) options.unshift({ value: chosen, label: chosen });
    return (
      <NativeSelect
        label={label}
        value={chosen}
        onChange={(event) => show({ [key]: event.currentTarget.value || null })}
        data={[{ value: "", label: any }, ...options]}
      />
    );
  };
  const fixed = (key: FilterKey, label: string, choices: Record<string, string>) => (
    <NativeSelect
      label={label}
      value={view[key] ?? ""}
      onChange={(event) => show({ [key]: event.currentTarget.value || null })}
      data={Object.entries(choices).map(([value, text]) => ({ value, label: text }))}
    />
  );

  return (
    <section className="filters" id="filters" aria-label={t.filters.label}>
      <Words />
      <TextInput
        type="date"
        label={t.filters.from}
        value={view.from ?? ""}
        onChange={(event) => show({ from: event.currentTarget.value || null })}
      />
      <TextInput
        type="date"
        label={t.filters.to}
        value={view.to ?? ""}
        onChange={(event) => show({ to: event.currentTarget.value || null })}
      />
      {choice("camera", t.filters.camera, facets?.cameras, true)}
      {choice("format", t.filters.format, facets?.formats, true)}
      {choice("folder", t.filters.folder, facets?.folders, true)}
      {choice("person", t.filters.person, facets?.people, false, t.filters.anybody)}
      {choice("country", t.filters.country, facets?.countries)}
      {choice("region", t.filters.region, facets?.regions)}
      {choice("city", t.filters.city, facets?.cities)}
      {choice("label", t.filters.label_, facets?.color_labels)}
      {choice("collection", t.filters.collection, named)}
      {fixed("motion", t.filters.motion, { "": t.filters.any, ...t.filters.motions })}
      {fixed("stacks", t.filters.stacks, t.filters.stackChoices)}
      {fixed("mode", t.filters.mode, t.filters.modes)}
      {hasFilters(view) && (
        <Button variant="subtle" onClick={() => show(withoutFilters())}>
          {t.filters.clearShort}
        </Button>
      )}
    </section>
  );
}

/** What photos should not show; asked for when a person is done writing. */
function Words() {
  const { view, show } = useView();
  const [text, setText] = useState(view.not ?? "");
  useEffect(() => setText(view.not ?? ""), [view.not]);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        show({ not: text.trim() || null });
      }}
    >
      <TextInput
        label={t.filters.without}
        placeholder={t.filters.withoutExample}
        autoComplete="off"
        maxLength={500}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={() => show({ not: text.trim() || null })}
      />
    </form>
  );
}

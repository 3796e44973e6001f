// What may be typed next, and the text with it put in. The API counts characters, JavaScript halves of some.

import { queryOptions } from "@tanstack/react-query";

import { answer, client, type Suggestion } from "../api/client";

export interface Written {
  text: string;
  /** Where the caret stands, in JavaScript's units. */
  caret: number;
}

const characters = (text: string): number => [...text].length;

export const suggestOptions = ({ text, caret }: Written) =>
  queryOptions({
    queryKey: ["suggest", text, caret],
    queryFn: async ({ signal }) => {
      const query = { text, position: characters(text.slice(0, caret)), limit: 8 };
      const { suggestions } = await answer(client.GET("/api/v1/search/suggest", { params: { query }, signal }));
      return { text, caret, suggestions };
    },
    staleTime: 30_000,
  });

/** The text with a suggestion in its place; what is whole is followed by a space. */
export function taken(text: string, { insert, start, length, kind }: Pick<Suggestion, "insert" | "start" | "length" | "kind">): Written {
  const all = [...text];
  const after = all.slice(start + length).join("");
  const before = all.slice(0, start).join("") + insert + (kind !== "field" && !/^[\s)]/.test(after) ? " " : "");
  return { text: before + after, caret: before.length };
}

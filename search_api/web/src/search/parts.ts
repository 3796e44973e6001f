// The parts of a query beside its words: each with a weight, written as in the query language ("red boat^2").

import { joined, listed } from "../view";

export interface Part {
  value: string;
  weight: number;
}

/** The keys whose values are parts. */
export type PartKey = "like" | "unlike" | "also" | "not";
export const WEIGHTS = [0.25, 0.5, 1, 2, 4];
/** Pictures are nearer to each other than to words: a photo that weighs as much as the words drowns them. */
export const BESIDE_WORDS = 0.25;

export function partOf(text: string): Part {
  const found = /^(.*\S)\s*\^(\d+(?:\.\d+)?)$/.exec(text.trim());
  const weight = Number(found?.[2] ?? 1);
  return { value: found?.[1] ?? text.trim(), weight: weight > 0 ? Math.min(weight, 100) : 1 };
}

export const writtenPart = ({ value, weight }: Part): string => (weight === 1 ? value : `${value}^${weight}`);

export const parts = (text: string | undefined): Part[] => listed(text).map(partOf).filter((part) => part.value);

export const writtenParts = (all: Part[]): string | null => joined(all.map(writtenPart));

/** With one more; what is there already stays as it is. */
export function withPart(text: string | undefined, value: string, weight = 1): string | null {
  const all = parts(text);
  return writtenParts(all.some((part) => part.value === value) ? all : [...all, { value, weight }]);
}

export const withoutPart = (text: string | undefined, value: string): string | null =>
  writtenParts(parts(text).filter((part) => part.value !== value));

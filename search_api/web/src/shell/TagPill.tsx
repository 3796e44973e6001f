// A tag in a field of tags, with a button that takes it off.

import { type ComboboxRenderPillInput, Pill } from "@mantine/core";

import { t } from "../texts";

export const tagPill = ({ value, onRemove }: ComboboxRenderPillInput) => (
  <Pill
    withRemoveButton
    onRemove={onRemove}
    // Mantine's own cannot be reached by keys, and is hidden from screen readers.
    removeButtonProps={{ "aria-hidden": undefined, "aria-label": t.edits.removeTag(String(value)), tabIndex: 0 }}
  >
    {value}
  </Pill>
);

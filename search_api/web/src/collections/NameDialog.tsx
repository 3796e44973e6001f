// Asks for a name and does something with it; a refusal stands below the field.

import { Button, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";

import { asApiError } from "../api/client";
import { Dialog } from "../shell/Dialog";
import { t } from "../texts";

interface Props {
  title: string;
  note?: string;
  first?: string;
  children?: ReactNode;
  /** What the button says. */
  doIt?: string;
  act: (name: string) => Promise<void>;
  onClose: () => void;
}

export function NameDialog({ title, note, first = "", children, doIt = t.collections.doIt, act, onClose }: Props) {
  const [name, setName] = useState(first);
  const [failed, setFailed] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await act(name.trim());
      onClose();
    } catch (error) {
      setFailed(asApiError(error).message);
      setBusy(false);
    }
  };
  return (
    <Dialog onClose={onClose} title={title}>
      <form className="bulk" onSubmit={(event) => void submit(event)}>
        {note && <p className="muted">{note}</p>}
        {children}
        <TextInput
          data-autofocus
          label={t.saved.name}
          maxLength={200}
          autoComplete="off"
          value={name}
          error={failed}
          errorProps={{ role: "alert" }}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div className="buttons">
          <Button type="submit" loading={busy} disabled={!name.trim()}>
            {doIt}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t.edits.cancel}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

// Asks for a name and does something with it; a refusal stands below the field.

import { Button, Modal, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";

import { asApiError } from "../api/client";
import { t } from "../texts";

interface Props {
  title: string;
  note?: string;
  first?: string;
  children?: ReactNode;
  act: (name: string) => Promise<void>;
  onClose: () => void;
}

export function NameDialog({ title, note, first = "", children, act, onClose }: Props) {
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
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": t.close }}>
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
            {t.collections.doIt}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t.edits.cancel}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

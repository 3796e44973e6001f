// What could not be asked for: alone where nothing is known yet, a quiet line beside what was known before.

import { Anchor } from "@mantine/core";

import { asApiError } from "../api/client";
import { t } from "../texts";

interface Asked {
  data: unknown;
  error: unknown;
  refetch: () => unknown;
}

export function Trouble({ of: { data, error, refetch } }: { of: Asked }) {
  if (!error) return null;
  const { message } = asApiError(error);
  return (
    <p className="muted trouble" role="status">
      {data === undefined ? message : t.states.old(message)}{" "}
      <Anchor component="button" type="button" size="sm" onClick={() => void refetch()}>
        {t.tryAgain}
      </Anchor>
    </p>
  );
}

// What could not be asked for: alone where nothing is known yet, a quiet line beside what was known before.

import { Anchor, Button } from "@mantine/core";

import { useView } from "../address";
import { asApiError } from "../api/client";
import { worthAnotherTry } from "../api/queries";
import { mended } from "../search/mend";
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
      {data === undefined ? message : t.states.old(message)} <WayOut error={error} again={refetch} quiet />
    </p>
  );
}

/** What may help: the query mended as the API suggests, or the same again where another answer may come. */
export function WayOut({ error, again, quiet = false }: { error: unknown; again?: () => unknown; quiet?: boolean }) {
  const { view, show } = useView();
  const query = mended(view.q, error);
  const helps = again && worthAnotherTry(asApiError(error));
  if (query === null && !helps) return null;
  const act = () => {
    if (query === null) void again?.();
    else show({ q: query, photo: null });
  };
  const said = query === null ? t.tryAgain : t.states.instead(query);
  return quiet ? (
    <Anchor component="button" type="button" size="sm" onClick={act}>
      {said}
    </Anchor>
  ) : (
    <Button className="way-out" onClick={act}>
      {said}
    </Button>
  );
}

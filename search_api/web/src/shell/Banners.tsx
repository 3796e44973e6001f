// What a person should know on every view: search by content is off, a run failed, Loupe does not answer.

import { CircleAlert, Info } from "lucide-react";

import { asApiError } from "../api/client";
import { useStatus } from "../api/library";
import { t } from "../texts";

const NOT_ALARMING = new Set(["SEARCH_BY_CONTENT_OFF", "MODEL_NOT_FETCHED", "MODEL_LOADING"]);

export function Banners() {
  const { data: status, error, isError } = useStatus();
  const offline = isError && asApiError(error).code === "OFFLINE";
  const banner = status?.banner;
  const quiet = banner && NOT_ALARMING.has(banner.code);
  return (
    <>
      {offline && (
        <div className="banner warning" role="alert">
          <CircleAlert size={18} aria-hidden="true" />
          <p>{t.states.offlineBanner}</p>
        </div>
      )}
      {banner && (
        <div className={quiet ? "banner" : "banner warning"} role={quiet ? "note" : "alert"}>
          {quiet ? <Info size={18} aria-hidden="true" /> : <CircleAlert size={18} aria-hidden="true" />}
          <p>
            <WithCommands text={banner.message} />
          </p>
        </div>
      )}
    </>
  );
}

/** Text with `commands` between backticks shown as code. */
export function WithCommands({ text }: { text: string }) {
  return text.split("`").map((part, at) => (at % 2 === 0 ? part : <code key={at}>{part}</code>));
}

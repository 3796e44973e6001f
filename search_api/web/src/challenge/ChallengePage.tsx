// "Test me": a photo is shown for a moment and hidden; what a person says it showed is searched for.

import { Button, Progress, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { Link } from "wouter";

import { answer, asApiError, client, type AnsweredRound, type BegunRound } from "../api/client";
import { t } from "../texts";
import { address } from "../view";
import { number } from "../wording";

const SHOWN_S = 5;

type Step =
  | { at: "start" }
  | { at: "look"; round: BegunRound }
  | { at: "say"; round: BegunRound }
  | { at: "told"; result: AnsweredRound };

export function ChallengePage() {
  const queries = useQueryClient();
  const [step, setStep] = useState<Step>({ at: "start" });
  const [text, setText] = useState("");
  const [said, setSaid] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const { data: score, error } = useQuery({
    queryKey: ["challenge"],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/challenge", { signal })),
  });
  useEffect(() => {
    document.title = `${t.challenge.title} · ${t.brand}`;
  }, []);

  const act = async (work: () => Promise<void>) => {
    setBusy(true);
    setSaid(null);
    try {
      await work();
    } catch (problem) {
      setSaid(asApiError(problem).message);
    } finally {
      setBusy(false);
    }
  };
  const begin = () =>
    act(async () => {
      const round = await answer(client.POST("/api/v1/challenge/rounds"));
      setText("");
      setStep({ at: "look", round });
    });
  const tell = (event: FormEvent) => {
    event.preventDefault();
    if (step.at !== "say" || !text.trim()) return;
    void act(async () => {
      const path = { token: step.round.token };
      const result = await answer(client.POST("/api/v1/challenge/rounds/{token}", { params: { path }, body: { text } }));
      setStep({ at: "told", result });
      void queries.invalidateQueries({ queryKey: ["challenge"] });
    });
  };
  return (
    <main id="content" tabIndex={-1} className="page challenge">
      <div className="page-head">
        <h1>{t.challenge.title}</h1>
      </div>
      {error && <p className="muted">{asApiError(error).message}</p>}
      {step.at === "start" && score && (
        <>
          <p>{t.challenge.intro(SHOWN_S)}</p>
          <Button size="md" loading={busy} onClick={() => void begin()}>
            {t.challenge.begin}
          </Button>
        </>
      )}
      {step.at === "look" && <Look key={step.round.token} round={step.round} onHide={() => setStep({ at: "say", round: step.round })} />}
      {step.at === "say" && (
        <form className="add-folder" onSubmit={tell}>
          <TextInput
            label={t.challenge.what}
            placeholder={t.challenge.example}
            autoComplete="off"
            autoFocus
            maxLength={500}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <Button type="submit" loading={busy}>
            {t.challenge.find}
          </Button>
        </form>
      )}
      {step.at === "told" && (
        <div className="told">
          <Link href={address({}, { photo: step.result.photo_id })}>
            <img src={`/api/v1/images/${step.result.photo_id}/preview`} alt={t.challenge.thePhoto} />
          </Link>
          <p role="status">
            <strong>{t.challenge.rank(step.result.rank, step.result.candidates)}</strong>
          </p>
          <p className="muted">{t.challenge.youSaid(text)}</p>
          <Button loading={busy} onClick={() => void begin()} autoFocus>
            {t.challenge.again}
          </Button>
        </div>
      )}
      {said && (
        <p role="alert" className="state">
          {said}
        </p>
      )}
      {score && score.rounds > 0 && (
        <section className="setting" aria-label={t.challenge.score}>
          <h2>{t.challenge.score}</h2>
          <dl className="known">
            <div>
              <dt>{t.challenge.rounds}</dt>
              <dd>{t.challenge.ofTen(score.rounds)}</dd>
            </div>
            <div>
              <dt>{t.challenge.median}</dt>
              <dd>{t.challenge.against(number(score.median_rank ?? 0), number(Math.round(score.chance_median_rank)))}</dd>
            </div>
            <div>
              <dt>{t.challenge.top10}</dt>
              <dd>{t.challenge.against(percent(score.top_10 ?? 0), percent(score.chance_top_10))}</dd>
            </div>
          </dl>
        </section>
      )}
    </main>
  );
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** The photo, until its time is over; the time begins when it is there. */
function Look({ round, onHide }: { round: BegunRound; onHide: () => void }) {
  const [left, setLeft] = useState<number | null>(null);
  useEffect(() => {
    if (left === null) return;
    if (left <= 0) {
      onHide();
      return;
    }
    const timer = window.setTimeout(() => setLeft(left - 1), 1000);
    return () => window.clearTimeout(timer);
  }, [left, onHide]);
  return (
    <div className="told">
      <img src={round.preview_url} alt={t.challenge.thePhoto} onLoad={() => setLeft(SHOWN_S)} />
      <Progress value={(100 * (left ?? SHOWN_S)) / SHOWN_S} aria-label={t.challenge.timeLeft} />
      <p className="muted">{t.challenge.remember}</p>
      <Button variant="default" onClick={onHide}>
        {t.challenge.enough}
      </Button>
    </div>
  );
}

// What a person changes and undoes, one after the other in the order in which it was said.

import { passes } from "../api/queries";

const MOST_TO_UNDO = 50;

/** What was done. Without `undo` there is no way back, and what was done before it stays too. */
export interface Done {
  text: string;
  /** Leaves everything as it was before; whatever it raises is said. */
  undo?: () => Promise<unknown>;
}

export interface Step {
  /** Undefined as long as it is under way. */
  done?: Done;
  /** Whose turn it is to be undone; undefined: nobody asked for it. */
  turn?: object;
}

export interface Teller {
  /** A change or a way back begins. */
  begun: () => void;
  done: (step: Step & { done: Done }) => void;
  undone: (done: Done) => void;
  /** It has no way back. */
  stays: (done: Done) => void;
  failed: (error: unknown) => void;
}

export class Changes {
  private steps: Step[] = []; // the last one last
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly tell: Teller) {}

  /** Do it when its turn has come. `act` says what was done, null where nothing was; it raises, and so does this. */
  do(act: () => Promise<Done | null>): Promise<void> {
    const step: Step = {};
    this.steps = [...this.steps, step].slice(-MOST_TO_UNDO);
    this.tell.begun();
    return this.inTurn(async () => {
      try {
        const done = await act();
        if (!done) return this.forget(step);
        step.done = done;
        this.tell.done({ ...step, done });
      } catch (error) {
        this.forget(step);
        throw error;
      }
    });
  }

  /** Undo what was done, or is being done, last; false when nothing is left. */
  undoLast(): boolean {
    const step = this.steps.findLast(({ turn }) => !turn);
    if (!step) return false;
    const turn = (step.turn = {});
    this.tell.begun();
    void this.inTurn(async () => {
      const { done } = step;
      // It failed, or what was to be undone before it did.
      if (!done || step.turn !== turn) return;
      if (!done.undo) {
        this.wait();
        this.tell.stays(done);
        return;
      }
      try {
        await done.undo();
        this.forget(step);
        this.tell.undone(done);
      } catch (error) {
        if (!passes(error)) this.forget(step);
        this.wait();
        this.tell.failed(error);
      }
    });
    return true;
  }

  /** What waits to be undone stays where it is until somebody asks again. */
  private wait() {
    for (const step of this.steps) step.turn = undefined;
  }

  private forget(step: Step) {
    this.steps = this.steps.filter((each) => each !== step);
  }

  private inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const own = this.last.then(act);
    this.last = own.catch(() => undefined);
    return own;
  }
}

//! Values that pages load and keep fresh.

import { useCallback, useEffect, useRef, useState } from "react";

import { isAbort, problemOf, type Problem } from "./problem";
import { reportProblem } from "./reports";

/** A value on its way. */
export interface Load<T> {
  /** The last that came. A later problem does not take it away, except that it is gone or not to be seen. */
  value?: T;
  problem?: Problem;
  /** Whether the first answer is still awaited. */
  isLoading: boolean;
  /** When the value came, in milliseconds since 1970. */
  atMs?: number;
  /** Asks again now. */
  again: () => void;
}

/** Once the server is away it is asked this often whether it is back. */
const AWAY_RETRY_MS = 1500;

/**
 * Loads a value, again for each new `key`, and every `everyMs` if that is said. Nothing is asked while the tab is hidden.
 * A call that nobody waits for any more is given up.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>, everyMs?: number): Load<T> {
  const [state, setState] = useState<{ key: string; value?: T; problem?: Problem; atMs?: number }>({ key });
  const [turn, setTurn] = useState(0);
  const loader = useRef(load);
  loader.current = load;

  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      let wait = everyMs;
      if (document.hidden && everyMs !== undefined) {
        timer = setTimeout(() => void run(), everyMs);
        return;
      }
      try {
        const value = await loader.current(abort.signal);
        if (abort.signal.aborted) return;
        setState({ key, value, atMs: Date.now() });
        reportProblem(undefined);
      } catch (error) {
        if (abort.signal.aborted || isAbort(error)) return;
        const problem = problemOf(error);
        reportProblem(problem);
        const keeps = problem.kind !== "gone" && problem.kind !== "denied" && problem.kind !== "signed-out";
        setState((before) => ({ key, problem, ...(keeps && before.key === key && { value: before.value, atMs: before.atMs }) }));
        if (problem.kind === "away") wait = AWAY_RETRY_MS;
        else if (problem.kind === "gone") wait = undefined;
      }
      if (wait !== undefined) timer = setTimeout(() => void run(), wait);
    };
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, turn, everyMs]);

  const again = useCallback(() => setTurn((before) => before + 1), []);
  const current: { value?: T; problem?: Problem; atMs?: number } = state.key === key ? state : {};
  return {
    ...(current.value !== undefined && { value: current.value }),
    ...(current.problem && { problem: current.problem }),
    ...(current.atMs !== undefined && { atMs: current.atMs }),
    isLoading: current.value === undefined && current.problem === undefined,
    again,
  };
}

/** A change that a person asked for: runs one at a time, and says how it went. */
export function useAction<A extends unknown[]>(
  act: (...args: A) => Promise<void>,
): { run: (...args: A) => Promise<boolean>; isRunning: boolean; problem?: Problem; reset: () => void } {
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const running = useRef(false);
  const actor = useRef(act);
  actor.current = act;
  const run = useCallback(async (...args: A) => {
    if (running.current) return false;
    running.current = true;
    setRunning(true);
    setProblem(undefined);
    try {
      await actor.current(...args);
      return true;
    } catch (error) {
      const found = problemOf(error);
      reportProblem(found);
      setProblem(found);
      return false;
    } finally {
      running.current = false;
      setRunning(false);
    }
  }, []);
  const reset = useCallback(() => setProblem(undefined), []);
  return { run, isRunning, ...(problem && { problem }), reset };
}

"""Checks of a judge, counted one by one."""

import contextlib
import sys
import traceback


class Checks:
    """Called with what was looked at and whether it is so; ends the program with the counts."""

    def __init__(self):
        self.results = []

    def __call__(self, what, is_so, said=""):
        self.results.append(bool(is_so))
        print(f"{'ok' if is_so else 'FAILED'}: {what}{f': {said}' if said and not is_so else ''}", flush=True)

    @contextlib.contextmanager
    def or_one_failed(self):
        """What goes wrong otherwise is told, and counts as a check that failed."""
        try:
            yield
        except Exception:
            traceback.print_exc()
            self.results.append(False)

    def end(self):
        passed = sum(self.results)
        print(f"{passed} passed, {len(self.results) - passed} failed, 0 skipped")
        sys.exit(0 if self.results and all(self.results) else 1)

"""What must hold of the numbers that a destination has."""

import collections


def exactly_once(found, records):
    """All of 1 to `records`, each once, and nothing else."""
    counts = collections.Counter(found)
    repeated = [n for n, times in counts.items() if times > 1]
    assert not repeated, f"{len(repeated)} more than once ({repeated[:5]})"
    at_least_once(counts, records)


def at_least_once(found, records):
    """All of 1 to `records`, and nothing else."""
    found = set(found)
    missing = [n for n in range(1, records + 1) if n not in found]
    strange = [n for n in found if not 1 <= n <= records]
    assert not missing and not strange, f"{len(missing)} missing ({missing[:5]}), strange {strange[:5]}"

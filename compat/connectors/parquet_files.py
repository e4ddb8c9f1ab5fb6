"""Rows of Parquet as pyarrow reads them, compared with what was written."""

import io
import json

KEYS = 97
SCHEMA = '{ n = "long", k = "string", half = "double", text = "string", at = "timestamp", all = "json" }'
TYPES = {"n": "int64", "k": "string", "half": "double", "text": "string"}
# Of each record a row with all that makes columns wide: kinds that change, integers that no float holds, members that
# are null or not there, nested values, and names that nobody should choose.
MAP = """{
  n, k, text, half, none: null, is: (.n % 2 == 0), nested: {a: {b: [.n, null]}},
  wide: (if .n % 7 == 0 then .half else .n end),
  big: (if .n % 3 == 0 then 9007199254740993 else .half end),
  any: (if .n % 11 == 0 then "s" elif .n % 13 == 0 then [.n] elif .n % 17 == 0 then true else .n end)
} + (if .n % 5 == 0 then {rare: .n} else {} end) + {("\\u00e9 \\".`" + (.n % 3 | tostring)): .n, "": .n, "N": "other"}"""


def table(body):
    import pyarrow.parquet
    return pyarrow.parquet.read_table(io.BytesIO(body))


def source(n):
    return {"n": n, "k": f"key-{n % KEYS}", "half": n % 100 + 0.5, "text": "x" * 60}


def given_rows(body):
    """The rows of a file with that schema, as JSON."""
    read = table(body)
    types = {field.name: str(field.type) for field in read.schema}
    assert list(types) == ["n", "k", "half", "text", "at", "all"], types
    assert TYPES.items() <= types.items() and types["at"].startswith("timestamp[ms"), types
    for row in (rows := read.to_pylist()):
        # The source has neither.
        assert row == {**source(row["n"]), "at": None, "all": None}, row
    return [json.dumps(row) for row in rows]


def mapped(n):
    row = source(n)
    is_string, is_list, is_true = n % 11 == 0, n % 13 == 0, n % 17 == 0
    return {
        **row, "none": None, "is": n % 2 == 0, "nested": {"a": {"b": [n, None]}},
        "wide": row["half"] if n % 7 == 0 else n, "big": 9007199254740993 if n % 3 == 0 else row["half"],
        "any": "s" if is_string else [n] if is_list else True if is_true else n,
        **({"rare": n} if n % 5 == 0 else {}), f"\u00e9 \".`{n % 3}": n, "": n, "N": "other",
    }


def found_rows(body):
    """The rows of a file without a schema, as JSON."""
    read = table(body)
    types = {field.name: str(field.type) for field in read.schema}
    wanted_types = {"n": "int64", "k": "string", "half": "double", "is": "bool", "nested": "string", "none": "string"}
    assert wanted_types.items() <= types.items(), types
    for row in (rows := read.to_pylist()):
        wanted = mapped(row["n"])
        assert wanted.keys() <= row.keys(), (row, wanted)
        wrong = {name: found for name, found in row.items() if not means(found, wanted.get(name))}
        assert not wrong, (wrong, wanted)
    return [json.dumps({"n": row["n"]}) for row in rows]


def means(found, wanted):
    """Whether a cell is this value: in a column of texts, what is no text is there as JSON."""
    if isinstance(found, str) and not isinstance(wanted, str):
        return json.loads(found) == wanted
    return found == wanted and (wanted is None) == (found is None)

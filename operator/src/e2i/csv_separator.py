"""Recognises a CSV file whose columns are not separated by commas. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_NAMES = {";": "semicolons", "\t": "tabs", "|": "bars"}


def other_separator(columns: Sequence[object]) -> str:
    """Return what is wrong with a file of these columns, and the next step; empty if nothing is.

    ["age;income"], as a spreadsheet writes it where numbers have commas.
    """
    only = str(columns[0]) if len(columns) == 1 else ""
    sign = next((sign for sign in _NAMES if sign in only), "")
    if not sign:
        return ""
    decimal = ', decimal=","' if sign == ";" else ""
    hint = " (without decimal= if its numbers have points)" if decimal else ""
    return (
        f"its columns are separated by {_NAMES[sign]}, not by commas. Convert it once: "
        f"pandas.read_csv(FILE, sep={sign!r}{decimal}).to_csv(NEW, index=False){hint}"
    )

"""How long the tests of each folder may take, from tests/budgets.toml, and whether a run kept to it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "budgets.toml"


@dataclass(frozen=True)
class Spent:
    """The tests of one folder: how many ran, and the seconds of their set-up, call and teardown."""

    tests: int = 0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tests + other.tests, self.seconds + other.seconds)


@dataclass(frozen=True)
class Budgets:
    """Seconds by folder, and by file those of long files, on a machine that calibrates in `calibration` seconds."""

    tolerance: float
    calibration: float
    folders: Mapping[str, float]
    files: Mapping[str, float]

    @classmethod
    def read(cls, file: Path = FILE) -> Budgets:
        content = tomllib.loads(file.read_text())
        return cls(content["tolerance"], content["calibration"], content["folders"], content["files"])

    def on_machine(self, calibration: float) -> Budgets:
        """Return the budgets of a machine that takes so many seconds to calibrate: more time, if it is slower."""
        slower = max(1.0, calibration / self.calibration)
        return replace(self, tolerance=self.tolerance * slower)

    def folder_of(self, path: str) -> str | None:
        """Return the budgeted folder that `path` lies in, the deepest one, or None if there is none."""
        parents = [str(parent) for parent in Path(path).parents]
        return next((parent for parent in parents if parent in self.folders), None)

    def by_folder(self, spent: Mapping[str, Spent]) -> dict[str, Spent]:
        """Sum what files spent by budgeted folder; a file without one stands under its own name."""
        sums: dict[str, Spent] = {}
        for file, part in spent.items():
            folder = self.folder_of(file) or file
            sums[folder] = sums.get(folder, Spent()) + part
        return dict(sorted(sums.items(), key=lambda item: -item[1].seconds))

    def overruns(self, spent: Mapping[str, Spent]) -> list[str]:
        """Return a sentence for each folder that took longer than its budget and the tolerance allow."""
        return [
            f"{folder} took {part.seconds:.0f} s; its budget is {self.folders[folder]:.0f} s, and "
            f"{self.tolerance:.1f} times that fails."
            for folder, part in self.by_folder(spent).items()
            if folder in self.folders and part.seconds > self.tolerance * self.folders[folder]
        ]

    def unbudgeted(self, files: Mapping[str, Spent]) -> list[str]:
        return sorted(file for file in files if self.folder_of(file) is None)

    def table(self, spent: Mapping[str, Spent]) -> list[str]:
        """Return a line for each folder, the longest first."""
        return [
            f"{folder:24} {part.tests:5} tests {part.seconds:6.0f} s of {self.folders.get(folder, 0):4.0f} s"
            for folder, part in self.by_folder(spent).items()
        ]

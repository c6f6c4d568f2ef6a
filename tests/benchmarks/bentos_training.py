"""`python bentos_training.py PROJECT OUT`: trains a project's model. A program: modules of two projects share names."""

from __future__ import annotations

import sys
from pathlib import Path

from e2i.packaging.describe import describe
from e2i.pipeline.project import read_project
from e2i.pipeline.recipe import load_function, load_recipe


def main(folder: Path, out: Path) -> None:
    project = read_project(folder)
    # The recipe last: what is imported of the project before is forgotten, and its classes could not be pickled.
    data = load_function(folder, str(project.data.load))()
    recipe = load_recipe(folder, project.recipe)
    aside = {project.target, project.treatment, "true_effect"}
    features = [name for name in data.columns if name not in aside]
    declared = {
        name: part.model_dump(exclude_unset=True) for name, part in project.features.items()
    } or features
    describe(
        recipe.train(data.copy()),
        data,
        name=project.name,
        kind=project.type,
        target=project.target,
        treatment=project.treatment,
        features=declared,
        decisions=project.decisions,
        code=recipe.code(),
        requirements=folder / project.requirements,
        out=out,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

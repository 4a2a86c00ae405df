"""What each part of the training recipe is worth: python benchmarks/motion_recipes.py DATA SYNTHETIC [--steps N]

DATA is the folder that holds grid_s1, grid_unseen_dev and facegood_mandarin; SYNTHETIC is what `mouthpiece train
synthesise` made. Every recipe is trained from scratch for the same few steps and scored, bare, on clips that none of
them learned from. Short runs: they rank recipes, and say nothing of how good a full training gets.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mouthpiece.datasets.options import PrepareOptions
from mouthpiece.datasets.prepare import prepare_corpus
from mouthpiece.datasets.recordings import load_corpus
from mouthpiece.motion.coarticulation import CoarticulationModel
from mouthpiece.training.motion.examples import Example, augment
from mouthpiece.training.motion.loop import averaged_network, fit, validation_correlation
from mouthpiece.training.motion.material import Material, gather
from mouthpiece.training.motion.targets import face_targets, phone_targets
from mouthpiece.training.options import SYNTHETIC, TrainOptions

ROOT = Path(__file__).parents[1]
GRID, STRANGERS, RIG = "grid_s1", "grid_unseen_dev", "facegood_mandarin"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One row of the table."""

    name: str
    shares: tuple[float, float, float] = (0.4, 0.15, 0.45)
    """Of faces, rig and synthetic speech; 0 leaves a corpus out."""
    channels: int = 144
    voice_perturbation: float | None = None
    """Share of variants in another voice, if not the usual one."""
    splice: float = 0.5
    spread: float = 0.0


RECIPES = (
    Recipe("all three corpora: what ships"),
    Recipe("no synthetic speech", (0.73, 0.27, 0)),
    Recipe("synthetic speech only", (0, 0, 1)),
    Recipe("faces only", (1, 0, 0)),
    Recipe("faces and synthetic speech", (0.5, 0, 0.5)),
    Recipe("more synthetic speech", (0.2, 0.1, 0.7)),
    Recipe("all three, no voice perturbation", voice_perturbation=0.0),
    Recipe("all three, nothing spliced", splice=0.0),
    Recipe("all three, a term for the spread", spread=0.1),
    Recipe("all three, 0.5 M parameters", channels=104),
    Recipe("all three, 2.5 M parameters", channels=242),
    Recipe("all three, 5 M parameters", channels=344),
)


def main() -> None:
    """Train and print a line a recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("synthetic", type=Path)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "motion-recipes")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    options = TrainOptions(
        more_corpora=(arguments.data / RIG,),
        synthetic=arguments.synthetic,
        steps=arguments.steps,
        check_every=arguments.steps,
        workers=arguments.threads,
    )
    sets = (GRID + " val", RIG + " val, jaw", "synthetic val", STRANGERS, "synthetic test")
    heads = ["trained on", "parameters", *sets]
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    print(f"commit {commit.stdout.strip() or 'unknown'}, {arguments.steps} steps each, seed {options.seed}\n")
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads), flush=True)
    for row in rows(arguments.data, arguments.work, options):
        print("| " + " | ".join(row) + " |", flush=True)


def rows(data: Path, work: Path, options: TrainOptions) -> Iterator[list[str]]:
    """Train and score recipe by recipe."""
    usual = gather(data / GRID, work, options)
    judges = {**usual.validation, **held_out(data, work, usual, options)}
    for recipe in RECIPES:
        changed = replace(options, voice_perturbation=recipe.voice_perturbation or 0.0)
        material = usual if recipe.voice_perturbation is None else gather(data / GRID, work, changed)
        kept = [(examples, share) for examples, share in zip(material.corpora, recipe.shares, strict=True) if share]
        chosen = replace(
            options,
            shares=tuple(share for _, share in kept),
            more_corpora=options.more_corpora[: len(kept) - 1],
            synthetic=options.synthetic if len(kept) > 1 + len(options.more_corpora) else None,
            channels=recipe.channels,
            splice=recipe.splice,
            spread=recipe.spread,
        )
        part = replace(material, corpora=tuple(examples for examples, _ in kept))
        with tempfile.TemporaryDirectory() as folder:
            network = averaged_network(fit(part, Path(folder), chosen))
        parameters = sum(weights.numel() for weights in network.parameters())
        scores = [validation_correlation(network, clips, material.basis) for clips in judges.values()]
        yield [recipe.name, f"{parameters / 1e6:.2f} M", *(f"{score:.3f}" for score in scores)]


def held_out(data: Path, work: Path, material: Material, options: TrainOptions) -> dict[str, tuple[Example, ...]]:
    """Strangers, and synthetic speech in other languages and voices; in the table's order."""
    prepare_corpus(data / STRANGERS, work / "corpora", PrepareOptions(workers=options.workers))
    strangers = load_corpus(work / "corpora", STRANGERS, "unseen")
    assert options.synthetic
    taught = load_corpus(options.synthetic, SYNTHETIC, "test")
    teacher = CoarticulationModel.load(basis=material.basis)
    return {
        STRANGERS: tuple(augment(c, face_targets(c, material.basis), 1, options.seed)[0] for c in strangers),
        "synthetic test": tuple(augment(c, phone_targets(c, teacher), 1, options.seed)[0] for c in taught),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

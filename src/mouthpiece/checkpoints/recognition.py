"""Recognition of the checkpoint in a file: by its hash, else by the recognisers of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from mouthpiece.checkpoints.cache import sha256_of
from mouthpiece.checkpoints.catalogue import Checkpoint, checkpoint_named, known_checkpoints
from mouthpiece.checkpoints.store import CheckpointState, state_of
from mouthpiece.errors import WeightsError

Recogniser = Callable[[Path], str]


def identify(file: Path, name: str | None = None) -> Checkpoint:
    """Find the checkpoint that a user's file is.

    Args:
        file: of weights.
        name: the checkpoint that the user means it to be.

    Raises:
        WeightsError: it holds no known network, that of several checkpoints, or not that of `name`.
    """
    named = None if name is None else checkpoint_named(name)
    if not file.is_file():
        raise WeightsError(f"expected a file of weights at {file}, found no file there")
    sha256 = sha256_of(file)
    known = known_checkpoints()
    published = next((checkpoint for checkpoint in known.values() if checkpoint.sha256 == sha256), None)
    if published:
        if named not in (None, published):
            raise WeightsError(f"{file} is the published {published.name}, not {name}; leave out --name")
        return published
    if named and named.recognise is None:
        return named
    names = _names_in(file, [named] if named else known.values())
    if named:
        if name not in names:
            raise WeightsError(f"{file} holds the network of {' or '.join(names)}, not that of {name}")
        return named
    if len(names) > 1:
        raise WeightsError(
            f"{file} holds the network of {' or '.join(names)} and the bytes of neither as published; "
            f"say which to keep it as, with {' or '.join(f'--name {name}' for name in names)}"
        )
    return known[names[0]]


def find_fault(checkpoint: Checkpoint, file: Path) -> str | None:
    """Read a checkpoint's cached file again and describe why it can't be used; None where it can."""
    if state_of(checkpoint.name, afresh=True) is CheckpointState.DAMAGED:
        return "is damaged (wrong sha256)"
    if checkpoint.recognise is None:
        return None
    try:
        names = _names_in(file, [checkpoint])
    except WeightsError as error:
        return f"can't be loaded ({error})"
    return None if checkpoint.name in names else f"holds the network of {' or '.join(names)}"


def _names_in(file: Path, candidates: Iterable[Checkpoint]) -> list[str]:
    """Return the names of all checkpoints with the network in a file, by the recognisers of the candidates."""
    names: list[str] = []
    errors: list[WeightsError] = []
    recognisers: list[Recogniser] = [one.recognise for one in candidates if one.recognise]
    for recognise in dict.fromkeys(recognisers):
        try:
            network = recognise(file)
        except WeightsError as error:
            errors.append(error)
        else:
            family = [one for one in known_checkpoints().values() if one.recognise == recognise]
            names += [one.name for one in family if one.network == network]
    if not names:
        raise errors[0] if errors else WeightsError(f"{file} can't be recognised; say what it is, with --name")
    return names

"""The tree of errors: drawn as it is, with codes that programs rely on."""

from __future__ import annotations

import inspect
import re

import pytest

from mouthpiece import errors
from mouthpiece.errors import MissingExtraError, MouthpieceError

CODES = {
    "MouthpieceError": "error",
    "InputError": "input",
    "NotMediaError": "not-media",
    "UnknownMediaError": "not-media",
    "NoPictureError": "no-picture",
    "NoSoundError": "no-sound",
    "BrokenMediaError": "broken-media",
    "PictureSizeError": "picture-size",
    "SpeechTooShortError": "speech-short",
    "NoFaceError": "no-face",
    "OutputError": "output",
    "OutputExistsError": "output-exists",
    "DiskFullError": "disk-full",
    "OptionError": "option",
    "EngineError": "engine",
    "WeightsError": "weights",
    "MissingExtraError": "missing-extra",
    "Cancelled": "cancelled",
}
"""Programs read these: a code never changes and never names another error, save one that needs no code of its own."""
WITHOUT_OWN_CODE = {"UnknownMediaError"}


def tree() -> dict[str, type[MouthpieceError]]:
    """Every error of the module by name."""
    return {
        name: found
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, MouthpieceError) and found.__module__ == errors.__name__
    }


def test_codes_are_stable() -> None:
    assert {name: error.code for name, error in tree().items()} == CODES
    assert {name for name, error in tree().items() if "code" not in vars(error)} == WITHOUT_OWN_CODE
    assert len(set(CODES.values())) == len(CODES) - len(WITHOUT_OWN_CODE)


def test_every_error_hangs_on_one_root() -> None:
    assert all(issubclass(error, MouthpieceError) for error in tree().values())


def test_the_tree_at_the_top_of_the_file_is_the_real_one() -> None:
    drawn = re.findall(r"^ {4}([│├└─ ]*)(\w+) +(?:code )?\"([\w-]+)\"", errors.__doc__ or "", re.MULTILINE)
    ancestors: list[str] = []
    seen = {}
    for branch, name, code in drawn:
        depth = len(branch) // 4
        ancestors = [*ancestors[:depth], name]
        parent = ancestors[-2] if depth else "Exception"
        assert tree()[name].__base__.__name__ == parent  # type: ignore[union-attr]
        seen[name] = code
    assert seen == CODES


def test_a_missing_extra_names_its_cure() -> None:
    error = MissingExtraError("training", "train")
    assert str(error) == "training needs the extra 'train': pip install 'mouthpiece[train]'"
    assert error.extra == "train"


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_error_says_what_it_is_for(name: str) -> None:
    assert inspect.getdoc(tree()[name])

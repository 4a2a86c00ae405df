"""Weights, options and notices of an engine."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from mouthpiece.checkpoints.catalogue import checkpoint_named
from mouthpiece.engines.base import EngineJob
from mouthpiece.errors import OptionError, WeightsError
from mouthpiece.notices import Notice
from mouthpiece.option_fields import spec_of
from mouthpiece.options import EngineOptions
from mouthpiece.testing.bench import SAME_LEVEL, EngineTests, Stage, difference, frames_for
from mouthpiece.testing.scenes import drive, in_one, yawn
from mouthpiece.types import FloatArray, Phone, TrackedFrame

OPTIONS_OF_ALL = {"intensity", "rest", "phones", "motion"}


class OptionTests(EngineTests):
    """Checkpoints, own options, options of all engines, warnings."""

    def test_without_its_checkpoints_it_says_what_to_get(
        self, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MOUTHPIECE_CACHE", str(tmp_path))
        names, bare = stage.engine_class.checkpoints, EngineOptions(stage.options.name)
        assert [checkpoint_named(name).name for name in names] == list(names), "all are in the catalogue"
        missing = stage.engine_class.missing_checkpoint(bare)
        assert (missing is None) == (not names)
        if missing is not None:
            assert missing.name == names[0], "the preferred one comes first"
            assert not stage.engine_class.describe(bare).ready
            with pytest.raises(WeightsError) as caught:
                stage.engine_class(bare)
            assert "\n" not in str(caught.value)

    def test_its_own_options_are_read_from_text(self, stage: Stage) -> None:
        kind, name = stage.engine_class, stage.options.name
        assert is_dataclass(kind.Options)
        assert kind.Options.__dataclass_params__.frozen  # type: ignore[attr-defined]
        default = kind.own_options(EngineOptions(name))
        assert isinstance(default, kind.Options)
        listed = {option.name: option.default for option in kind.list_options()}
        for declared in fields(default):
            spec = spec_of(declared)
            assert spec is not None and spec.help, f"{declared.name} is declared by mouthpiece.option, with a help"
            if text := listed[declared.name]:
                read = kind.own_options(EngineOptions(name, own={declared.name: text}))
                assert getattr(read, declared.name) == getattr(default, declared.name)
        with pytest.raises(OptionError, match="no_such_option"):
            kind.own_options(EngineOptions(name, own={"no_such_option": "1"}))

    @pytest.mark.parametrize("name", sorted(OPTIONS_OF_ALL))
    def test_what_it_supports_makes_a_difference_and_nothing_else_does(
        self, stage: Stage, woman: TrackedFrame, speech: FloatArray, name: str
    ) -> None:
        supported = stage.engine_class.supported_options
        assert supported <= OPTIONS_OF_ALL
        frames = frames_for(speech, woman)
        usual = drive(stage.prepared(woman), frames, in_one(speech))
        if name == "phones":
            phones = (Phone("", 0.0, 0.2), Phone("ɑː", 0.2, 0.6), Phone("m", 0.6, 0.9), Phone("", 0.9, 1.0))
            engine = stage.prepared(woman, job=EngineJob(phones=phones))
        elif name == "motion":
            engine = stage.prepared(woman, job=EngineJob(motion=yawn()))
        elif name == "rest":
            engine = stage.prepared(woman, rest=1.0)
        else:
            engine = stage.prepared(woman, intensity=0.3)
        differs = difference(usual, drive(engine, frames, in_one(speech)), frames) > SAME_LEVEL
        assert differs == (name in supported)

    def test_its_warnings_are_notices(self, stage: Stage, woman: TrackedFrame) -> None:
        warnings = stage.prepared(woman).warnings
        assert isinstance(warnings, tuple)
        for warning in warnings:
            assert isinstance(warning, Notice)
            assert warning.code
            assert str(warning).strip()
            assert "\n" not in str(warning)

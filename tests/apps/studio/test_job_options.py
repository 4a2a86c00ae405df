"""From choices to options; what the page says."""

from __future__ import annotations

import io
import threading
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mouthpiece import pipeline, samples
from mouthpiece.apps.studio import state
from mouthpiece.apps.studio.folders import VisitFolders
from mouthpiece.apps.studio.formatting import facts, isolated, notes, plain, progress_line, sentence
from mouthpiece.apps.studio.ingest import Face, known_face, known_speech, take_face, take_speech
from mouthpiece.apps.studio.job_options import Choices, sync_options, transform_of, work_of
from mouthpiece.apps.studio.jobs import Standing, State
from mouthpiece.apps.studio.state import LoadedNetworks
from mouthpiece.apps.studio.translations import ENGLISH
from mouthpiece.apps.uploads import Limits
from mouthpiece.errors import EngineError, InputError, NoFaceError, NoSoundError, OptionError
from mouthpiece.inference import _compiled
from mouthpiece.types import FaceStretch, Progress, SkipReason

ARABIC = "صورة.png"


def test_large_and_odd_pictures_become_such_as_browsers_play() -> None:
    assert transform_of(768, 960, full_size=False) == options.FrameTransform()
    assert transform_of(769, 961, full_size=True).crop == (0, 960, 0, 768)
    assert transform_of(4000, 3000, full_size=False).resize_factor == 3
    assert transform_of(4001, 3000, full_size=True).crop == (0, -1, 0, 4000)


def test_choices_become_options() -> None:
    face = Face("a", Path("a"), "a", False, 100, 100, None, b"")
    chosen = sync_options(face, Choices(engine="wav2lip", checkpoint="wav2lip-gan", intensity=1.5, rest=0.25))
    assert (chosen.engine, chosen.network.checkpoint, chosen.intensity, chosen.rest) == (
        "wav2lip",
        "wav2lip-gan",
        1.5,
        0.25,
    )
    with pytest.raises(OptionError):
        sync_options(face, Choices(intensity=99))


def test_taking_a_face(tmp_path: Path) -> None:
    server = VisitFolders(60, 60, tmp_path)
    visit = server.open(lambda: True)
    file = io.BytesIO()
    with Image.open(samples.sample_face()) as photo:
        photo.crop((34, 0, 734, 960)).resize((700, 1200)).save(file, "PNG")
    face = take_face(visit, file, f"../{ARABIC}", "t", Limits())
    assert (face.name, face.width, face.height, face.is_video) == (ARABIC, 700, 1200, False)
    with Image.open(io.BytesIO(face.still)) as still:
        assert still.size == (373, 640)
    with pytest.raises(InputError, match=ARABIC):
        take_face(visit, io.BytesIO(b"nothing"), ARABIC, "t", Limits())
    nobody = io.BytesIO()
    Image.fromarray(np.full((120, 70, 3), 90, np.uint8)).save(nobody, "PNG")
    with pytest.raises(NoFaceError, match=f"expected a face in the photo {ARABIC}, but none was found"):
        take_face(visit, nobody, ARABIC, "t", Limits())
    with pytest.raises(InputError, match="sound only"):
        take_face(visit, io.BytesIO(samples.sample_speech().read_bytes()), "a", "t", Limits())
    assert list(visit.path.iterdir()) == [face.path], "what was refused is gone"
    server.close()


def test_taking_speech(tmp_path: Path) -> None:
    server = VisitFolders(60, 60, tmp_path)
    visit = server.open(lambda: True)
    with samples.sample_speech("ar").open("rb") as file:
        speech = take_speech(visit, file, "كلام.wav", "t", Limits())
    with wave.open(io.BytesIO(speech.wav)) as played:
        assert (played.getframerate(), played.getnchannels()) == (16_000, 1)
        assert played.getnframes() / 16_000 == pytest.approx(speech.seconds)
    silence = io.BytesIO()
    with wave.open(silence, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", "NONE"))
        out.writeframes(bytes(64_000))
    with pytest.raises(NoSoundError, match="is the microphone on"):
        take_speech(visit, silence, "a.wav", "t", Limits())
    with samples.sample_speech().open("rb") as file, pytest.raises(InputError, match="at most 2 seconds"):
        take_speech(visit, file, "a.wav", "t", Limits(most_s=2))
    assert list(visit.path.iterdir()) == [speech.path]
    server.close()


def test_a_video_is_made_for_real(clip: Path, word: Path, tmp_path: Path) -> None:
    """From a real face and real speech; the second job finds what the first loaded."""
    networks = LoadedNetworks()
    networks.keep("mesh")
    loaded = set(_compiled)
    face, speech = known_face(clip, "clip", "f", is_video=True), known_speech(word, "word", "s", Limits())
    seen: list[Progress] = []
    result = work_of(face, speech, tmp_path / "a.mp4", Choices(), networks)(seen.append, lambda: False)
    assert result.frames == len(seen) == 10 and result.path.is_file()
    assert loaded and set(_compiled) == loaded, "nothing was compiled anew"


def test_errors_call_files_by_their_senders_names(word: Path, tmp_path: Path) -> None:
    stored = tmp_path / "face-12ab.upload"
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(stored, "PNG")
    face, speech = known_face(stored, ARABIC, "f"), known_speech(word, "word", "s", Limits())
    with pytest.raises(NoFaceError) as caught:
        work_of(face, speech, tmp_path / "a.mp4", Choices(), LoadedNetworks())(lambda _: None, lambda: False)
    assert isolated(ARABIC) in str(caught.value) and "12ab" not in str(caught.value)


def test_networks_are_loaded_once_and_nobody_waits_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    begun, let_go = threading.Event(), threading.Event()

    def load(name: str) -> Callable[..., object]:
        def engine(_: object) -> object:
            loads.append(name)
            if name == "slow":
                begun.set()
                let_go.wait(5)
            return object()

        if name == "no-such":
            raise EngineError("unknown")
        return engine

    monkeypatch.setattr(state, "load_engine", load)
    monkeypatch.setattr(state, "FaceTracker", object)
    networks = LoadedNetworks()
    networks.keep("no-such")  # its job will tell
    networks.keep("mesh")
    slow = threading.Thread(target=networks.keep, args=("slow",))
    slow.start()
    assert begun.wait(5)
    networks.keep("mesh")
    let_go.set()
    slow.join()
    networks.keep("slow")
    assert loads == ["mesh", "slow"]
    for name in ("a", "b", "mesh"):
        networks.keep(name)
    assert loads[2:] == ["a", "b", "mesh"], "the longest unused goes"


@pytest.mark.parametrize("text", ["a*b_c", "[x](javascript:alert(1))", ":red[x]", "$x^2$", "<b>x</b>", "# x", "`x`"])
def test_names_are_no_markup(text: str) -> None:
    shown = plain(text)
    assert all(shown[i - 1] == "\\" for i, char in enumerate(shown) if char in "*_[]()$<>#`:^" and i)
    assert shown.replace("\\", "") == text


def test_names_are_no_links() -> None:
    assert "www." not in isolated("www.example.org") and "://" not in isolated("https://example.org")


def test_sentences() -> None:
    assert sentence("expected a face") == "Expected a face\\."
    assert sentence("is it on?") == "Is it on\\?"
    assert plain("a\nb\t c") == "a b c"


def test_progress_is_said() -> None:
    assert progress_line(ENGLISH, Standing(State.WAITING, 1)) == "Waiting: 1 video is before yours"
    assert progress_line(ENGLISH, Standing(State.WAITING, 3)) == "Waiting: 3 videos are before yours"
    assert "looking at the face" in progress_line(ENGLISH, Standing(State.RUNNING))
    line = progress_line(ENGLISH, Standing(State.RUNNING, progress=Progress(50, 200, 2.0, 1.0)))
    assert line == "50 of 200 frames · 2.0× real time · about 0:03 left"


def test_what_was_done_is_said() -> None:
    timeline = (FaceStretch(0, 61.0, True), FaceStretch(61.0, 62.5, False, SkipReason.NO_FACE))
    warnings = ("1.50 s passed through untouched (no-face)", "odd size 3x3: kept")
    result = pipeline.SyncResult(Path("a"), 1562, 62.5, 31.25, 0.1, timeline, 2, None, "mesh", warnings)
    assert facts(ENGLISH, result) == [
        "1:02, 1562 frames, made in 31.2 s (2.0× real time) by the engine mesh",
        "2 faces found, one of them speaks",
        "Left as it was from 1:01 to 1:02: no face to be seen",
    ]
    assert notes(result) == ["odd size 3x3: kept"]

"""What the user should know beside a result, as data: a stable code, a text for people, and the values in it.

Programs and pages go by the code, never by the text; a page in another language has its own template for a code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

TEXTS: Mapping[str, str] = MappingProxyType(
    {
        # pictures and sound
        "odd-size": "odd size {width}x{height}: kept, as 4:4:4 in MP4 and MKV, which some players don't show",
        "transparent": "transparent parts: laid on white",
        "interlaced": "interlaced: deinterlaced",
        "several-pictures": "two or more picture tracks: the first is used",
        "cut-off": "the file ends in the middle: played as far as it goes",
        "pictures-dropped": "damaged pictures: left out",
        "pictures-damaged": "damaged pictures: shown as far as they decode",
        "size-changes": "its pictures change in size: all are scaled to the first one's",
        "animation-damaged": "damaged after its first pictures: the rest is left out",
        "broken-times": "broken time stamps: repaired",
        "several-sounds": "two or more sound tracks: the first is used",
        "sound-not-finite": "samples that are no finite numbers: silenced",
        "sound-not-finite-count": "{count} samples that are no finite numbers: silenced",
        "broken-sound-times": "broken sound time stamps: the sound just goes on",
        "sound-cut-off": "the sound ends in the middle: played as far as it goes",
        "sound-damaged": "damaged sound: left out",
        "pixels-stretched": (
            "pixels that are not square: WebM can't say so here, the picture is stretched to square ones"
        ),
        "hdr-8-bits-webm": "high dynamic range: in WebM with 8 bits only, which may show bands; MP4 and MKV keep 10",
        "hdr-kept": "high dynamic range: kept, as 10-bit H.264, which some players don't show",
        "hdr-8-bits": "high dynamic range: with 8 bits only, which all players show, but there may be bands",
        # a sync
        "fps-ignored": "fps is for photos: the video keeps its own {fps:g} frames a second",
        "face-ignored": "face chooses among faces that are found: the box says where this one is",
        "pads-ignored": "pads are for faces that are found: the box is taken as it is",
        "option-ignored": "the engine {engine} has no use for {option}",
        "phones-ignored": "the engine {engine} can't use phones: it moves the mouth by the sound alone",
        "motion-ignored": "the engine {engine} can't follow motion: it moves the mouth by the sound alone",
        "motion-too-short": (
            "{file} ends at {last_s:.2f} s, the video at {video_s:.2f} s: the mouth rests from there on"
        ),
        "faces-ignored": "{faces} faces seen; the others stay untouched (mouthpiece sync --face chooses)",
        "stretches-passed": "{seconds:.2f} s passed through untouched ({reasons})",
        # engines, devices, precision
        "device-missing": "device {device} isn't here; running on {used}",
        "device-is-torchs": "device {device} is PyTorch's (--runtime torch); running on {used}",
        "device-missing-onnx": "device {device} isn't here for ONNX Runtime; running on CPU",
        "device-missing-torch": "device {device} isn't here for PyTorch; running on CPU",
        "device-failed": "{error}; running on {used}",
        "precision-missing": "{device} doesn't compute in {precision} itself; running f32",
        "precision-missing-onnx": "ONNX Runtime runs f32 here, not {precision}",
        "int8-missing-torch": "PyTorch doesn't run int8 here; running f32 (the runtime openvino does)",
        "int8-kept": "{file} was exported in int8 and runs so, not in {precision}",
        "precision-untried": "precision auto tried nothing and runs f32: {error}",
        "batch-bounded": "batch_size {wanted} was taken as {used}: more frames at once take memory and no less time",
        "compared-in-openvino": "compared as OpenVINO runs it: ONNX Runtime (extra onnx) isn't installed",
        "export-differs": "in {precision} these weights draw pictures that differ visibly; f32 doesn't",
        # phones
        "several-tiers": "{file} has several tiers of phones; {tier!r} is taken, not {others}",
        "labels-without-sound": "{count} of {total} labels name no sound ({labels}): the mouth is half open there",
        "words-spelled": (
            "{file} has words and no phones: their sounds are espeak-ng's ({language}), spread over each word"
        ),
        "phones-too-long": (
            "{file} goes on to {last_s:.2f} s, the speech ends at {speech_s:.2f} s: the rest is not used"
        ),
        "phones-too-short": (
            "{file} ends at {last_s:.2f} s, the speech at {speech_s:.2f} s: nothing is known of the rest"
        ),
        # a capture
        "face-unseen": (
            "{count} of {total} frames show no face that can be measured: short gaps are bridged, in long ones the "
            "mouth rests"
        ),
        # elsewhere
        "face-batch-ignored": "--face_det_batch_size has no use here: faces are tracked from frame to frame",
    }
)
"""English templates (`str.format` over the notice's values) by code."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the user should know, beside the result."""

    code: str
    """Stable, for programs and translations: a key of `TEXTS`, or an engine's own."""
    text: str
    """One line in English."""
    values: Mapping[str, object] = field(default_factory=dict, hash=False)
    """What the text tells of, by name: file names, counts, seconds ..."""

    def __str__(self) -> str:
        return self.text


def notice(code: str, **values: object) -> Notice:
    """Make a notice of the catalogue.

    Args:
        code: a key of `TEXTS`.
        values: what its template asks for.
    """
    return Notice(code, TEXTS[code].format(**values), values)

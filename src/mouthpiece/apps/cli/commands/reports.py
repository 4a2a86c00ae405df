"""`mouthpiece probe`, `engines` and `doctor`: what is in a file, which engines there are, what a machine has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mouthpiece.apps.cli.console import Console, as_json, box_text, print_event
from mouthpiece.apps.cli.flags import Flags
from mouthpiece.options import EngineOptions

if TYPE_CHECKING:
    from mouthpiece.media import MediaReport
    from mouthpiece.pipeline import ProbeReport, SeenFace
    from mouthpiece.types import EngineInfo


def probe(
    console: Console,
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="Any picture, video or sound.")],
) -> None:
    """Report what is in FILE: streams, faces and where, speech and when."""
    from mouthpiece import pipeline

    report = pipeline.probe(file)
    console.show("probe", report, probe_lines(report))


def engines(console: Console, *, options: Annotated[EngineOptions, Flags(only=frozenset({"device"}))]) -> None:
    """List the engines: look-ahead, licence terms, device, whether their weights are here, their own options."""
    from mouthpiece.engines.registry import describe_all

    infos = describe_all(options)
    if console.json:
        for info in infos:
            print_event("engine", as_json(info))
    else:
        console.show("engines", infos, engine_lines(infos))


def doctor(console: Console) -> None:
    """Report what this machine and installation have: put this into bug reports."""
    from mouthpiece.apps.cli.doctor import as_lines, examine

    report = examine()
    console.show("doctor", report, as_lines(report))


def engine_lines(infos: Sequence[EngineInfo]) -> list[str]:
    """Format a paragraph for each engine."""
    lines: list[str] = []
    for info in infos:
        lines += [
            f"{info.name}{'' if info.ready else ' (not ready)'}: {info.summary}",
            f"    look-ahead  {info.look_ahead_s * 1000:.0f} ms",
            f"    licence     {info.licence}",
            f"    device      {info.device}",
            f"    weights     {info.weights}",
            *([f"    checkpoints {', '.join(info.checkpoints)}"] if info.checkpoints else []),
            *(f"    option      {one.name}={one.default}: {one.help}" for one in info.options),
        ]
    return lines


def probe_lines(report: ProbeReport) -> list[str]:
    """Format streams, faces and speech, one line each."""
    lines = _media_lines(report.media)
    if report.frames_looked_at:
        seen = f"seen in {len({face.time_s for face in report.faces})} of {report.frames_looked_at} moments looked at"
        lines.append(
            f"    faces    {seen}, at most {report.most_faces} at once" if report.faces else "    faces    none seen"
        )
        lines += [f"        {_face_said(face)}" for face in report.faces]
    if report.media.sounds:
        stretches = ", ".join(f"{start:.2f}-{end:.2f} s" for start, end in report.speech)
        lines.append(f"    speech   {stretches or 'none heard'}")
    return lines


def _media_lines(media: MediaReport) -> list[str]:
    length = "" if media.duration_s is None else f", {media.duration_s:.2f} s"
    lines = [f"{media.name}: {media.container}{length}"]
    for picture in media.pictures:
        parts = [f"{picture.codec}, {picture.width}x{picture.height}", picture.pixel_format]
        parts += [f"{float(picture.fps):.6g} fps"] if picture.fps else []
        parts += [f"pixels {picture.pixel_aspect} as wide as high"] if picture.pixel_aspect != 1 else []
        parts += [f"turned {picture.rotation_deg} degrees"] if picture.rotation_deg else []
        parts += ["a cover, not a video"] if picture.is_cover else []
        lines.append(f"    picture  {', '.join([*parts, *_language(picture.language)])}")
    for sound in media.sounds:
        parts = [sound.codec, f"{sound.sample_rate} Hz", sound.layout, *_language(sound.language)]
        lines.append(f"    sound    {', '.join(parts)}")
    return lines


def _language(tag: str | None) -> list[str]:
    return [f"language {tag}"] if tag and tag != "und" else []


def _face_said(face: SeenFace) -> str:
    """Format when and where a face is seen, how large, and whether it would do."""
    skip_reason = "" if face.usable is None else f", unusable: {face.usable}"
    turned = round(face.yaw_deg) or 0
    return f"{face.time_s:7.2f} s  {face.number}: {box_text(face.box)}, turned {turned} degrees{skip_reason}"

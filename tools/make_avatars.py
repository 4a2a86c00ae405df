"""Make the avatars that ship in the package: portraits of nobody, modelled, lit and painted by programs.

    python -m tools.make_avatars src/mouthpiece/samples/avatars [NAME ...]

Run it in the repository's root. `tools/avatars/` does the work; `people` there lists who there is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
from tools.avatars.people import GALLERY
from tools.avatars.portrait import painted

JPEG_QUALITY = 86


def main(out: Path, names: list[str]) -> None:
    """Paint those named, or all, into a folder."""
    known = {person.name: person for person in GALLERY}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"expected names out of {', '.join(known)}, got {', '.join(unknown)}; choose among the known ones")
    out.mkdir(parents=True, exist_ok=True)
    for name in names or known:
        rgb = painted(known[name])
        path = out / f"{name}.jpg"
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        if not cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality):
            sys.exit(f"{path}: can't be written")
        print(f"{path}: {rgb.shape[1]}x{rgb.shape[0]}, {path.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("expected a folder to write to, got none; python -m tools.make_avatars FOLDER [NAME ...]")
    main(Path(sys.argv[1]), sys.argv[2:])

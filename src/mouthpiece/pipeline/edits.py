"""Which stretches of a drawn video are kept, exactly to the frame and the sample; between drawing and writing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from mouthpiece.errors import OptionError
from mouthpiece.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class EditList:
    """The stretches of a timeline that are kept; what remains moves together without gaps."""

    kept: tuple[tuple[Fraction, Fraction], ...] | None = None
    """Start and end of each stretch, seconds, in order and apart; None keeps everything."""

    def __post_init__(self) -> None:
        """Check the order of the stretches.

        Raises:
            OptionError: one is empty, or begins before the one before it ends.
        """
        end_s = Fraction(0)
        for start_s, stop_s in self.kept or ():
            if not end_s <= start_s < stop_s:
                raise OptionError(
                    f"expected stretches in order, each with an end after its start, got {float(start_s):g} to "
                    f"{float(stop_s):g} s after {float(end_s):g} s"
                )
            end_s = stop_s

    def frames(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames that begin in a kept stretch, each at its new time; a cut shortens the frame it falls in."""
        if self.kept is None:
            yield from frames
            return
        for frame in frames:
            for removed_s, start_s, end_s in self._with_removed():
                if start_s <= frame.time_s < end_s:
                    duration_s = min(frame.duration_s, end_s - frame.time_s)
                    yield replace(frame, time_s=frame.time_s - removed_s, duration_s=duration_s)

    def samples(self, blocks: Iterable[FloatArray], sample_rate: int) -> Iterator[FloatArray]:
        """Yield what is kept of a sound; each stretch is cut at the sample nearest to its ends.

        Args:
            blocks: (n,) float32 each, following one another from 0 s on.
            sample_rate: Hz.
        """
        first = 0
        for block in blocks:
            if self.kept is None:
                yield block
            for start_s, end_s in self.kept or ():
                begin, end = (
                    min(max(round(time_s * sample_rate) - first, 0), len(block)) for time_s in (start_s, end_s)
                )
                if begin < end:
                    yield block[begin:end]
            first += len(block)

    def duration_s(self, whole_s: Fraction) -> Fraction:
        """Return how long what remains of a timeline of that length is, seconds."""
        if self.kept is None:
            return whole_s
        return sum((min(end_s, whole_s) - min(start_s, whole_s) for start_s, end_s in self.kept), Fraction(0))

    def _with_removed(self) -> Iterator[tuple[Fraction, Fraction, Fraction]]:
        """Yield each stretch with how much was removed before it: removed, start, end; seconds."""
        removed_s = end_s = Fraction(0)
        for start_s, stop_s in self.kept or ():
            removed_s += start_s - end_s
            end_s = stop_s
            yield removed_s, start_s, stop_s

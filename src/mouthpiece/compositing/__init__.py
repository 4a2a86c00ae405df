"""Compositing: what engines drew is laid over the frames, and fades near untouched stretches."""

from mouthpiece.compositing.fade import fade_near_gaps
from mouthpiece.compositing.paste import composite, paste

__all__ = ["composite", "fade_near_gaps", "paste"]

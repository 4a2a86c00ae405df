"""Compositing: lay an engine's patch over its frame, and fade near untouched stretches."""

from mouthpiece.compositing.fade import fade_near_gaps
from mouthpiece.compositing.paste import paste

__all__ = ["fade_near_gaps", "paste"]

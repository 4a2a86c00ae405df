"""What Streamlit runs for each visit and each click."""

from __future__ import annotations

from mouthpiece.apps.studio.page import show

show()

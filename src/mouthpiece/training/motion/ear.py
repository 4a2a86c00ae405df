"""The ear: the first blocks of a phone recogniser that heard many voices, as a frozen layer of a motion network.

A conformer (Gulati et al., "Conformer: convolution-augmented transformer for speech recognition", 2020) of the package
hama 1.7.0, brought by `tools/make_ear.py`. It takes our log-mel: its own is computed from that, closely enough. What it
makes of a frame depends on the whole window around it, so a network that has it runs on windows of one length.
"""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor, nn

from mouthpiece.errors import InputError
from mouthpiece.motion.basis import MELS_PER_FRAME
from mouthpiece.types import MEL_BANDS

BLOCKS = 3
"""Blocks that are used; the recogniser's fourth and its phones are not."""
WIDTH = 144
EAR_FEATURES = BLOCKS * WIDTH
"""What the ear makes of a motion frame: the answers of all its blocks."""
EAR_PAST, EAR_AHEAD = 30, 10
"""Motion frames of sound that the ear has before and after those that it answers for: 0.6 s and 0.2 s."""

_HEADS, _WIDER, _TAPS = 4, 4, 31
_FLOOR = 1e-8
"""Of mel power under the logarithm."""


class Ear(nn.Module):
    """Log-mel -> what the recogniser's first blocks answer, about 0 with spread 1 in speech. Not trained any more."""

    def __init__(self) -> None:
        """Build it without its weights; see `load`."""
        super().__init__()
        self.register_buffer("mel_map", torch.zeros(MEL_BANDS, MEL_BANDS))
        self.register_buffer("mel_shift", torch.zeros(MEL_BANDS))
        self.register_buffer("mean", torch.zeros(EAR_FEATURES))
        self.register_buffer("spread", torch.ones(EAR_FEATURES))
        self.stem = nn.Conv1d(MEL_BANDS, WIDTH, 3, stride=MELS_PER_FRAME, padding=1)
        self.blocks = nn.ModuleList(_Conformer() for _ in range(BLOCKS))
        self.requires_grad_(False)

    def load(self, path: Path) -> None:
        """Read the weights that `tools/make_ear.py` wrote.

        Raises:
            InputError: the file is missing or holds something else.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                weights = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}
            self.load_state_dict(weights)
        except (OSError, EOFError, BadZipFile, TypeError, ValueError, RuntimeError) as error:
            raise InputError(f"{path.name} is no ear; expected a file that tools/make_ear.py wrote") from error

    def forward(self, log_mel: Tensor) -> Tensor:
        """Run: (B, M, MEL_BANDS) -> (B, ceil(M / 2), EAR_FEATURES); frame n at mel frame 2 n."""
        power = torch.exp(log_mel) @ self.get_buffer("mel_map")
        own_mel = torch.log(power + _FLOOR) + self.get_buffer("mel_shift")
        x = nn.functional.gelu(self.stem(own_mel.transpose(1, 2))).transpose(1, 2)  # (B, T, WIDTH)
        answers = []
        for block in self.blocks:
            x = block(x)
            answers.append(x)
        answer: Tensor = (torch.cat(answers, dim=2) - self.get_buffer("mean")) / self.get_buffer("spread")
        return answer


class _Conformer(nn.Module):
    """Half a feed-forward layer, attention to the whole window, a convolution, half a feed-forward layer."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = (
            nn.Sequential(
                nn.LayerNorm(WIDTH), nn.Linear(WIDTH, _WIDER * WIDTH), nn.SiLU(), nn.Linear(_WIDER * WIDTH, WIDTH)
            )
            for _ in range(2)
        )
        self.attention_norm, self.convolution_norm, self.norm = (nn.LayerNorm(WIDTH) for _ in range(3))
        self.asked, self.answered = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.widen = nn.Conv1d(WIDTH, 2 * WIDTH, 1)
        self.over_time = nn.Conv1d(WIDTH, WIDTH, _TAPS, padding=_TAPS // 2, groups=WIDTH)
        self.narrow = nn.Conv1d(WIDTH, WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.5 * self.before(x)
        x = x + self.answered(self._attended(self.attention_norm(x)))
        wide = nn.functional.glu(self.widen(self.convolution_norm(x).transpose(1, 2)), dim=1)
        x = x + self.narrow(nn.functional.silu(self.over_time(wide))).transpose(1, 2)
        answer: Tensor = self.norm(x + 0.5 * self.after(x))
        return answer

    def _attended(self, x: Tensor) -> Tensor:
        """Attend with each head: (B, T, WIDTH) -> (B, T, WIDTH)."""
        parts = self.asked(x).unflatten(2, (3, _HEADS, WIDTH // _HEADS)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)  # (B, heads, T, WIDTH / heads)
        shares = torch.softmax(query @ key.transpose(2, 3) * (WIDTH // _HEADS) ** -0.5, dim=-1)
        attended: Tensor = (shares @ value).transpose(1, 2).flatten(2)
        return attended

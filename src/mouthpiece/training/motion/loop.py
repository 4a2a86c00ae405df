"""The training loop of the motion network: loss, averaging, validation, checkpoints."""

from __future__ import annotations

import math
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mouthpiece.datasets.agreement import correlation
from mouthpiece.motion.basis import MELS_PER_FRAME, MOTION_RATE, MotionBasis
from mouthpiece.motion.network import SILENT_LOG_MEL
from mouthpiece.training.motion.batches import Batch, MotionBatches
from mouthpiece.training.motion.examples import Example, noise_bank
from mouthpiece.training.motion.material import Log, Material
from mouthpiece.training.motion.network import MotionNetwork, NetworkSettings
from mouthpiece.training.motion.targets import cut_rows
from mouthpiece.training.options import TrainOptions
from mouthpiece.types import FloatArray

EMA_DECAY = 0.997
"""Of the averaged weights, which are the ones that get scored and shipped."""
NOISES, NOISE_S = 96, 6.0
WEIGHT_DECAY = 0.02
MINUTES = "minutes.txt"
"""In the working folder: how long training took."""
LEAST_SPREAD = 0.01
"""Sequences whose opening varies less than this have no spread to compare."""
WARM_UP = 0.08
"""Share of the steps in which the learning rate rises."""

VALIDATION_BLOCK = 100
"""Motion frames that validation clips are run in at a time, about as many as sequences have in training."""

# What each term of the loss counts.
_SHAPE, _OPENING, _WIDTH, _JAW, _VELOCITY, _ACTIVITY, _CLOSURE, _PHONE = 1.0, 1.0, 0.6, 0.5, 0.6, 0.3, 0.3, 0.5


class MotionTask(lightning.LightningModule):
    """The network in training, and the average of its weights."""

    def __init__(
        self,
        settings: NetworkSettings,
        basis: MotionBasis,
        steps: int,
        learning_rate: float,
        spread: float = 0.0,
        *,
        ear: Path | None = None,
    ) -> None:
        """Build the network and its average.

        Args:
            settings: of the network.
            basis: the motion space.
            steps: of the whole training.
            learning_rate: at its highest.
            spread: what a mouth that moves less (or more) than it should counts, beside where it is.
            ear: weights of the network's ear, if it has one.
        """
        super().__init__()
        self.network = MotionNetwork(settings)
        if self.network.ear is not None and ear is not None:
            self.network.ear.load(ear)
        self.average = MotionNetwork(settings).requires_grad_(False)
        self.average.load_state_dict(self.network.state_dict())
        self.average.eval()
        self._steps, self._learning_rate, self._spread = steps, learning_rate, spread
        readings = [torch.from_numpy(w) for w in (basis.opening_weights, basis.width_weights, basis.jaw_weights)]
        size = torch.from_numpy((basis.components**2).sum(axis=(1, 2)))
        self.register_buffer("readings", torch.stack(readings, dim=1))  # (K, 3)
        # Coefficients count by how far they move the face, and a little each.
        self.register_buffer("shares", 0.8 * size / size.sum() + 0.2 / len(size))
        # Coefficients are uncorrelated with mean square 1, so this is each reading's mean square.
        self.register_buffer("spreads", self.get_buffer("readings").square().sum(dim=0).sqrt())

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        del batch_idx
        features = self.network.trunk(batch.log_mel)
        loss = self.loss(*self.network.mouth(features, batch.taught), batch)
        if self.network.phone_head is not None:
            loss = loss + _PHONE * phone_loss(self.network.phone_head(features), batch.phone)
        self.log("loss", loss, prog_bar=True)
        return loss

    def loss(self, coefficients: Tensor, activity: Tensor, closure: Tensor, batch: Batch) -> Tensor:
        """Add up all terms; (B, T, K), (B, T), (B, T) -> ()."""
        shape = ((coefficients - batch.coefficients).square() @ self.get_buffer("shares")) * batch.shape_weight
        terms = _SHAPE * _mean(shape, batch.shape_weight)
        readings = (coefficients @ self.get_buffer("readings")).unbind(dim=-1)
        taught = (
            (batch.opening, batch.opening_weight, _OPENING),
            (batch.width, batch.opening_weight, _WIDTH),
            (batch.jaw, batch.jaw_weight, _JAW),
        )
        for reading, spread, (wanted, weight, counts) in zip(readings, self.get_buffer("spreads"), taught, strict=True):
            error = (reading - wanted) / spread
            terms = terms + counts * _mean(error.square() * weight, weight)
            change = (error[:, 1:] - error[:, :-1]) * 2
            terms = terms + _VELOCITY * counts * _mean(change.square() * weight[:, 1:], weight)
        if self._spread:
            terms = terms + self._spread * spread_loss(readings[0], batch.opening, batch.opening_weight)
        binary = nn.functional.binary_cross_entropy_with_logits
        terms = terms + _ACTIVITY * binary(activity, batch.activity)
        touching = binary(closure, batch.closure, reduction="none") * batch.closure_weight
        return terms + _CLOSURE * _mean(touching, batch.closure_weight)

    def configure_optimizers(self) -> Any:
        """AdamW under one rise and a cosine fall."""
        optimizer = torch.optim.AdamW(self.network.parameters(), self._learning_rate, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _rate(self, step: int) -> float:
        """Return the share of the full learning rate at a step; of these steps, even if an earlier run had fewer."""
        warm_up = max(1.0, WARM_UP * self._steps)
        if step < warm_up:
            return (step + 1) / (warm_up + 1)
        done = min((step - warm_up) / max(1.0, self._steps - warm_up), 1.0)
        return 0.5 * (1 + math.cos(math.pi * done)) + 1e-4

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the average; faster while it is young."""
        del outputs, batch, batch_idx
        decay = min(EMA_DECAY, (1 + self.global_step) / (10 + self.global_step))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)


def spread_loss(made: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Return how far each sequence's spread is off, as a share of it, squared; (B, T) each -> ()."""
    total = weight.sum(dim=1).clamp(min=1.0)

    def spread(values: Tensor) -> Tensor:
        mean = (values * weight).sum(dim=1) / total
        return (((values - mean[:, None]).square() * weight).sum(dim=1) / total + 1e-6).sqrt()

    lively = spread(wanted)
    counts = (lively > LEAST_SPREAD).float()
    return _mean((spread(made) / lively.clamp(min=LEAST_SPREAD) - 1).square() * counts, counts)


def phone_loss(logits: Tensor, phone: Tensor) -> Tensor:
    """Cross-entropy of telling phones apart where they are known; (B, T, V + 1), (B, T) -> ()."""
    known = phone > 0
    if not known.any():
        return logits.sum() * 0
    return nn.functional.cross_entropy(logits[known], phone[known].long())


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over what counts."""
    return values.sum() / weights.sum().clamp(min=1.0)


class Validation(Callback):
    """Every so many steps: r on each corpus's validation clips to the log, and the best network kept.

    The best on free speech and synthetic voices that are in no training: validation clips of the speaker and grammar
    that it learns from go on rising while everybody else's fall.
    """

    def __init__(self, material: Material, options: TrainOptions, kept: Path, log: Log) -> None:
        """Take the material, and where the best network is kept."""
        self._validation, self._basis, self._kept = material.validation, material.basis, kept
        self._chosen_on = material.chosen_on
        self._every, self._log = options.check_every, log
        self.best = -1.0
        """The best mean r so far, over the corpora that a moment is chosen on."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a resumed run needs."""
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.best = state_dict["best"]

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Score, log and keep."""
        del outputs, batch, batch_idx
        step = trainer.global_step
        if step % self._every and step < trainer.max_steps:
            return
        scores = {
            corpus: validation_correlation(pl_module.average, clips, self._basis)
            for corpus, clips in self._validation.items()
        }
        listed = ", ".join(f"{corpus} {score:.3f}" for corpus, score in scores.items())
        self._log(f"step {step}: loss {float(trainer.callback_metrics.get('loss', 0)):.3f}; r {listed}")
        for corpus, score in scores.items():
            pl_module.log(f"r/{corpus}", score)
        score = float(np.mean([scores[name] for name in self._chosen_on]))
        if score > self.best or not self._kept.is_file():
            self.best = score
            torch.save(pl_module.average.saved(), self._kept)


def validation_correlation(network: MotionNetwork, clips: tuple[Example, ...], basis: MotionBasis) -> float:
    """Return the mean over clips of r between what the bare network makes and what was measured, where it counts.

    Of the opening; of the jaw where that counts more in a clip.
    """
    scores = []
    for clip in clips:
        targets = clip.targets
        coefficients = _whole_clip(network, clip)
        made, wanted, weight = basis.opening(coefficients), targets.opening, targets.opening_weight
        if targets.jaw_weight.sum() > weight.sum():
            made, wanted, weight = coefficients @ basis.jaw_weights, targets.jaw, targets.jaw_weight
        counts = weight > 0
        if counts.sum() > MOTION_RATE and wanted[counts].std() > 0:
            scores.append(correlation(made[counts], wanted[counts]))
    return float(np.mean(scores)) if scores else 0.0


def _whole_clip(network: MotionNetwork, clip: Example) -> FloatArray:
    """Run the bare network over a clip, a window at a time; (T, K)."""
    geometry, frames = network.settings.geometry(VALIDATION_BLOCK), clip.targets.frames
    starts = [first * MELS_PER_FRAME - geometry.past for first in range(0, frames, VALIDATION_BLOCK)]
    windows = np.stack([cut_rows(clip.log_mel, start, geometry.input_mels, SILENT_LOG_MEL) for start in starts])
    with torch.no_grad():
        coefficients = [network(torch.from_numpy(some))[0] for some in np.array_split(windows, -(-len(windows) // 8))]
    made: FloatArray = torch.cat(coefficients).flatten(0, 1)[:frames].numpy()
    return made


def fit(material: Material, work: Path, options: TrainOptions, log: Log = lambda _line: None) -> Path:
    """Train, or go on training; return the path of the averaged network."""
    work.mkdir(parents=True, exist_ok=True)
    lightning.seed_everything(options.seed, verbose=False)
    torch.set_num_threads(options.workers)
    settings = NetworkSettings(
        coefficients=material.basis.size,
        channels=options.channels,
        look_ahead_s=options.ahead_s(),
        dropout=options.dropout,
        phones=material.phones,
        ear=options.ear is not None,
    )
    average, last = work / "average.pt", work / "last.ckpt"
    task = MotionTask(settings, material.basis, options.steps, options.learning_rate, options.spread, ear=options.ear)
    trainer = _trainer(options, work, Validation(material, options, average, log))
    start, begun = _step_of(last), time.monotonic()
    batches = MotionBatches(
        material.corpora,
        options.all_shares(),
        noise_bank(NOISES if options.limit is None else 4, NOISE_S, options.seed),
        settings.geometry(round(options.seconds * MOTION_RATE)),
        batch=options.batch,
        size=material.basis.size,
        seed=options.seed + start,
        splice=options.splice,
    )
    if start < options.steps:
        # Our own checkpoint of our own run: whole objects may be read from it.
        trainer.fit(
            task,
            DataLoader(batches, batch_size=None),
            ckpt_path=str(last) if last.is_file() else None,
            weights_only=False,
        )
        minutes = training_minutes(work) + (time.monotonic() - begun) / 60
        (work / MINUTES).write_text(f"{minutes:.2f}", encoding="utf-8")
    return average


def _trainer(options: TrainOptions, work: Path, validation: Validation) -> lightning.Trainer:
    """Set up steps, precision, log files and checkpoints."""
    every = options.check_every
    checkpoints = ModelCheckpoint(
        work, filename="last", every_n_train_steps=every, save_top_k=1, enable_version_counter=False
    )
    return lightning.Trainer(
        max_steps=options.steps,
        accelerator="auto",
        devices=1,
        precision="bf16-mixed" if torch.cuda.is_available() else "32-true",
        gradient_clip_val=1.0,
        logger=_logger(work),
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=50,
        callbacks=[validation, checkpoints],
    )


def training_minutes(work: Path) -> float:
    """Return how long the finished runs in a working folder took, minutes."""
    kept = work / MINUTES
    return float(kept.read_text(encoding="utf-8")) if kept.is_file() else 0.0


def _step_of(checkpoint: Path) -> int:
    """Return the steps that a checkpoint has behind it; 0 if there is none."""
    if not checkpoint.is_file():
        return 0
    return int(torch.load(checkpoint, map_location="cpu", weights_only=False)["global_step"])


def _logger(work: Path) -> Any:
    """Return TensorBoard's logger where it is installed, else False."""
    if find_spec("tensorboard") is None:
        return False
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(str(work), name="log")


def averaged_network(checkpoint: Path) -> MotionNetwork:
    """Read the network that a run kept."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    network = MotionNetwork(NetworkSettings(**saved["settings"]))
    network.load_state_dict(saved["weights"])
    return network.eval()

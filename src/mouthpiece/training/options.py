"""How networks and teachers are trained, and what is synthesised for it. Needs no NumPy: command lines are made from
these fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mouthpiece.errors import OptionError
from mouthpiece.option_fields import check_ranges, option
from mouthpiece.training.sentences import languages as languages_with_sentences

LATENCIES = {"offline": 0.6, "live": 0.06}
"""By name, for files and for live speech: how much speech after a moment the network looks at, seconds. Live, 20 ms
more pass until the next motion frame is there: 80 ms together."""
SYNTHETIC = "synthetic"
"""Name of the corpus of synthetic speech."""
SPEECH = "speech"
"""Name of the corpus of real speech whose phones are known."""
SHARES = (0.45, 0.10, 0.17, 0.28)
"""Share in a batch of the main corpus, of all further ones, of synthetic and of real speech without faces; scaled to 1
where one is missing."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a motion network is trained."""

    more_corpora: tuple[Path, ...] = option(
        (), flag="--corpus", kind=list[Path], metavar="DIR", help="A further corpus; may be given several times."
    )
    """Further folders to learn from, of any known layout."""
    synthetic: Path | None = option(
        None,
        flag="--synthetic",
        kind=Path,
        metavar="DIR",
        help="What `mouthpiece train synthesise` made, to learn from too.",
    )
    """Folder filled by `mouthpiece train synthesise`: speech with known phones, taught by the coarticulation model."""
    speech: Path | None = option(
        None,
        flag="--speech",
        kind=Path,
        metavar="DIR",
        help="What `mouthpiece train align` made, to learn from too.",
    )
    """Folder filled by `mouthpiece train align`: real speech with known phones, taught by the coarticulation model."""
    shares: tuple[float, ...] = option(
        (),
        flag="--share",
        kind=list[float],
        help="Share of each corpus in a batch, the main one first; given once a corpus.",
    )
    """Share of each corpus in a batch: the main one, the further ones, synthetic and real speech; SHARES if empty."""
    score_on: tuple[Path, ...] = option(
        (),
        flag="--score-on",
        kind=list[Path],
        metavar="DIR",
        help="A corpus only for the model card's scores; several times.",
    )
    """Folders that nothing is learned from, scored for the model card."""
    steps: int = option(9000, flag="--steps", help="Steps of training.", low=1)
    batch: int = option(16, flag="--batch", help="Sequences in a step.", low=1)
    seconds: float = option(2.0, help="Length of the sequences learned from.", low=0.5, high=10.0)
    learning_rate: float = option(1.5e-3, help="Learning rate at its highest.")
    seed: int = option(1, flag="--seed", help="The same seed repeats a training.")
    augmentations: int = option(
        4, flag="--augmentations", help="Variants of each clip's sound to learn from, itself among them.", low=1
    )
    """Variants of the sound of each clip of the main corpus: as it is, and altered."""
    voice_perturbation: float = option(
        0.75,
        flag="--voice-perturbation",
        help="Share of altered variants that another voice speaks, 0 to 1.",
        low=0.0,
        high=1.0,
    )
    """Share of the altered variants that another voice speaks; more than 0 needs the extra `speech`."""
    dropout: float = option(0.1, help="Share of activations that are dropped in training.", low=0.0)
    splice: float = option(
        0.5,
        flag="--splice",
        help="Share of sequences spliced together from several clips, 0 to 1.",
        low=0.0,
        high=1.0,
    )
    """Share of the sequences of further and synthetic corpora that are spliced together from several examples."""
    spread: float = option(0.0, help="What moving less than the teacher counts in the loss.")
    """What moving less than the teacher counts in the loss; the player spreads the motion anyway."""
    latency: str = option("offline", flag="--latency", metavar="offline|live", help="For files, or for live speech.")
    """One of LATENCIES."""
    look_ahead_s: float | None = option(
        None, flag="--look-ahead", kind=float, metavar="SECONDS", help="Speech after a moment that it may use."
    )
    """How much speech after a moment the network may look at, if not as the latency has it."""
    ear: Path | None = option(
        None,
        flag="--ear",
        kind=Path,
        metavar="FILE",
        help="What tools/make_ear.py wrote: a pretrained ear for the network to hear with, too. Not for live speech.",
    )
    """Weights of a pretrained ear, which becomes a part of the network; for files only."""
    channels: int = option(144, flag="--channels", help="Width of the network.", low=1)
    workers: int = option(2, flag="--workers", help="Processes and threads.", low=1)
    limit: int | None = option(
        None, flag="--limit", kind=int, metavar="CLIPS", help="Take only so many clips, to try things out."
    )
    """Take only so many clips of each split (for trying things out)."""
    check_every: int = option(250, help="Steps between two looks at the validation clips.", low=1)
    work: Path | None = option(
        None,
        flag="--work",
        kind=Path,
        metavar="DIR",
        help="Cache and checkpoints; a hidden folder beside FILE if not given.",
    )
    """Folder for the cache and checkpoints; a hidden one beside the output if not given."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            OptionError: one makes no sense, or the shares don't fit the corpora.
        """
        check_ranges(self)
        corpora = 1 + len(self.more_corpora) + len(self.spoken())
        if self.shares and len(self.shares) != corpora:
            raise OptionError(f"expected {corpora} shares (one a corpus), got {len(self.shares)}")
        if self.dropout >= 1:
            raise OptionError(f"dropout expects a share from 0 to below 1, got {self.dropout:g}")
        if self.latency not in LATENCIES:
            raise OptionError(f"latency expects one of {', '.join(LATENCIES)}, got {self.latency!r}")

    def ahead_s(self) -> float:
        """Return how much speech after a moment the network may look at."""
        return LATENCIES[self.latency] if self.look_ahead_s is None else self.look_ahead_s

    def all_shares(self) -> tuple[float, ...]:
        """Return the share of each corpus: the main one, the further ones, synthetic and real speech without faces."""
        if self.shares:
            return self.shares
        main, others, synthetic, speech = SHARES
        count = len(self.more_corpora)
        spoken = {SYNTHETIC: synthetic, SPEECH: speech}
        return (main, *([others / count] * count if count else []), *(spoken[corpus] for _, corpus in self.spoken()))

    def spoken(self) -> list[tuple[Path, str]]:
        """Return (folder, corpus) of speech without faces, whose phones are known."""
        folders = ((self.synthetic, SYNTHETIC), (self.speech, SPEECH))
        return [(folder, corpus) for folder, corpus in folders if folder is not None]


@dataclass(frozen=True, slots=True)
class TeacherOptions:
    """How the coarticulation model is fitted."""

    clips: int = option(300, flag="--clips", help="Learn from at most so many clips.", low=1)
    """At most so many clips to learn from, by name."""
    steps: int = option(220, flag="--steps", help="Steps of the fit.", low=1)
    """Steps of gradient descent, over all frames each."""
    voice: str = option("en-gb", flag="--voice", help="espeak-ng's language code of what is said.")
    workers: int = option(2, flag="--workers", help="Processes that measure clips.", low=1)
    work: Path | None = option(
        None,
        flag="--work",
        kind=Path,
        metavar="DIR",
        help="Where prepared clips lie; a hidden folder beside FILE if not given.",
    )
    """Folder whose `corpora` holds prepared clips; a hidden one beside the output if not given."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            OptionError: there is no clip, step or worker.
        """
        check_ranges(self)


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """What speech is synthesised."""

    hours: float = option(2.5, flag="--hours", help="How much speech, about.")
    """Of speech, about, all splits together."""
    seed: int = option(0, flag="--seed", help="The same seed makes the same speech.")
    languages: tuple[str, ...] = option(
        (),
        flag="--language",
        kind=list[str],
        metavar="CODE",
        help="Only this one; may be given several times. All if not given.",
    )
    """Only these (codes as in sentences.txt); empty for all. The splits' languages stay as they are."""
    workers: int = option(2, flag="--workers", help="Processes.", low=1)

    def __post_init__(self) -> None:
        """Check languages and numbers.

        Raises:
            OptionError: one makes no sense.
        """
        check_ranges(self)
        for language in self.languages:
            if language not in (known := languages_with_sentences()):
                raise OptionError(f"expected languages with sentences, got {language!r}; of {', '.join(known)}")
        if not 0 < self.hours <= 1000:
            raise OptionError(f"expected hours above 0 up to 1000, got {self.hours:g}")


@dataclass(frozen=True, slots=True)
class AlignOptions:
    """How transcribed speech is aligned."""

    languages: tuple[str, ...] = option(
        (),
        flag="--language",
        kind=list[str],
        metavar="CODE",
        help="Only this one, as the manifest has it; may be given several times. All if not given.",
    )
    """Only these (`ar`, `en-CN`; `en` takes all its regions); empty for all."""
    workers: int = option(2, flag="--workers", help="Processes that align.", low=1)

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            OptionError: there is no worker.
        """
        check_ranges(self)

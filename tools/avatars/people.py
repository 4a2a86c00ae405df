"""The people of the gallery."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.avatars.drawing import Array, linear


@dataclass(frozen=True)
class Shape:
    """How a head differs from the average one; factors are 1 and shifts 0 where it doesn't."""

    width: float = 0.93
    """Of the whole face."""
    jaw: float = 0.94
    """Width of the jaw."""
    chin_width: float = 0.95
    chin: float = -0.03
    """Shift of the chin downwards, head units."""
    forehead: float = 0.0
    """Shift of the crown upwards, head units."""
    cheeks: float = 0.0
    """Fullness, head units forward."""
    eye_size: float = 1.12
    eye_open: float = 1.15
    eye_tilt: float = 0.0
    """Outer corners up, radians."""
    eye_depth: float = 0.0
    """How deep the sockets lie, head units."""
    lid_fold: float = 1.0
    """Depth of the crease above the eye."""
    iris: float = 0.074
    """Radius, head units."""
    nose_width: float = 0.9
    nose_length: float = 1.0
    nose_height: float = 0.9
    """How far the nose stands out."""
    mouth_width: float = 0.97
    upper_lip: float = 1.0
    lower_lip: float = 1.0
    mouth_lift: float = 0.0
    """Shift of the mouth upwards, head units."""
    lower_face: float = 1.0
    """Height of what is beneath the eyes."""
    smile: float = 0.012
    """How much the corners of the closed mouth are lifted, head units."""
    brow_arch: float = 1.0
    brow_height: float = 0.0
    """Shift upwards, head units."""
    ear_size: float = 1.0
    neck: float = 0.40
    """Half the neck's width, head units."""
    shoulders: float = 1.0


@dataclass(frozen=True)
class Skin:
    """Colour and age of the skin."""

    tone: Array
    blush: Array
    lips: Array
    redness: float = 1.0
    freckles: float = 0.0
    age: float = 0.0
    """0 smooth, 1 deeply lined."""
    stubble: float = 0.0
    stubble_colour: Array = field(default_factory=lambda: linear(60, 60, 64))
    gloss: float = 1.0


@dataclass(frozen=True)
class Hair:
    """Cut and colour."""

    style: str
    colour: Array
    shine: Array
    grey: float = 0.0
    """Share of white strands."""


@dataclass(frozen=True)
class Person:
    """One avatar."""

    name: str
    seed: int
    shape: Shape
    skin: Skin
    hair: Hair
    iris: Array
    brow: Array
    brow_weight: float = 1.0
    lashes: float = 1.0
    beard: str = ""
    clothes: str = "crew"
    cloth: Array = field(default_factory=lambda: linear(60, 90, 110))
    cloth_inner: Array = field(default_factory=lambda: linear(235, 235, 232))
    wall: tuple[Array, Array] = field(default_factory=lambda: (linear(214, 206, 196), linear(146, 140, 146)))
    zoom: float = 1.0
    lift: float = 0.0
    """How much higher the head stands in the picture, head units."""


WOMAN = Person(
    name="woman",
    seed=11,
    shape=Shape(
        width=0.90, jaw=0.86, chin_width=0.86, eye_size=1.15, eye_open=1.10, eye_tilt=0.06, iris=0.076, lower_face=0.97,
        nose_width=0.72, nose_height=0.80, upper_lip=0.82, lower_lip=0.98, mouth_lift=0.02, mouth_width=0.96,
        brow_height=0.012, brow_arch=0.8, neck=0.345, shoulders=0.92, cheeks=0.012
    ),
    skin=Skin(linear(198, 142, 108), linear(186, 96, 80), linear(172, 84, 80), age=0.1),
    hair=Hair("long waves", linear(48, 29, 21), linear(214, 150, 108)),
    iris=linear(84, 52, 30),
    brow=linear(38, 26, 20),
    brow_weight=0.85,
    lashes=1.15,
    clothes="vneck",
    cloth=linear(176, 66, 62),
    wall=(linear(206, 214, 212), linear(122, 140, 146)),
)  # fmt: skip

MAN = Person(
    name="man",
    seed=12,
    shape=Shape(
        width=0.94, jaw=0.95, eye_size=1.08, eye_open=1.04, iris=0.072, nose_width=0.84, brow_arch=0.62,
        nose_height=0.92, upper_lip=0.85, lower_lip=1.0, brow_height=-0.015, neck=0.43, shoulders=1.08, chin=0.0
    ),
    skin=Skin(linear(228, 178, 146), linear(208, 112, 92), linear(186, 102, 92), stubble=0.20, age=0.15),
    hair=Hair("side part", linear(66, 43, 30), linear(184, 136, 98)),
    iris=linear(74, 96, 104),
    brow=linear(48, 33, 24),
    brow_weight=1.15,
    lashes=0.65,
    clothes="crew",
    cloth=linear(52, 76, 104),
    wall=(linear(216, 208, 198), linear(142, 138, 144)),
)  # fmt: skip

OLD_MAN = Person(
    name="old_man",
    seed=13,
    shape=Shape(
        width=0.95, jaw=0.96, eye_size=1.05, eye_open=0.98, eye_tilt=-0.05, iris=0.070, nose_width=0.94, brow_arch=0.8,
        nose_height=0.98, nose_length=1.06, upper_lip=0.66, lower_lip=0.78, brow_height=-0.01, neck=0.42,
        shoulders=1.05, ear_size=1.12, chin=0.0, forehead=0.0
    ),
    skin=Skin(
        linear(214, 164, 132), linear(196, 104, 86), linear(172, 106, 94), age=1.0, stubble=0.22,
        stubble_colour=linear(176, 172, 168), redness=1.15
    ),
    hair=Hair("receding", linear(176, 174, 172), linear(235, 235, 238), grey=0.35),
    iris=linear(84, 72, 52),
    brow=linear(128, 122, 116),
    brow_weight=1.2,
    lashes=0.4,
    clothes="shirt",
    cloth=linear(78, 88, 70),
    cloth_inner=linear(214, 222, 230),
    wall=(linear(204, 206, 196), linear(124, 132, 128)),
)  # fmt: skip

OLD_LADY = Person(
    name="old_lady",
    seed=14,
    shape=Shape(
        width=0.92, jaw=0.90, chin_width=0.9, eye_size=1.10, eye_open=1.02, eye_tilt=-0.05, iris=0.073, nose_width=0.78,
        nose_height=0.84, lower_face=0.97, smile=0.018, upper_lip=0.72, lower_lip=0.86, neck=0.36, shoulders=0.94,
        cheeks=0.01
    ),
    skin=Skin(linear(238, 196, 172), linear(220, 132, 118), linear(196, 98, 98), age=0.72, redness=1.15),
    hair=Hair("short waves", linear(206, 203, 200), linear(250, 250, 250), grey=0.3),
    iris=linear(92, 112, 128),
    brow=linear(146, 134, 124),
    brow_weight=0.75,
    lashes=0.6,
    clothes="cardigan",
    cloth=linear(122, 106, 150),
    cloth_inner=linear(240, 232, 222),
    wall=(linear(226, 214, 202), linear(160, 146, 142)),
)  # fmt: skip

CHILD = Person(
    name="child",
    seed=15,
    shape=Shape(
        width=0.97, jaw=0.88, chin_width=0.84, chin=-0.07, cheeks=0.018, eye_size=1.30, eye_open=1.12, iris=0.090,
        nose_width=0.62, nose_height=0.62, nose_length=0.90, mouth_width=0.82, upper_lip=0.80, lower_lip=0.90,
        mouth_lift=0.02, lower_face=0.86, smile=0.02, brow_height=0.03, neck=0.31, shoulders=0.74, ear_size=1.05,
        eye_depth=-0.02, forehead=-0.03
    ),
    skin=Skin(linear(222, 168, 132), linear(216, 112, 92), linear(198, 104, 96), redness=1.0, freckles=0.4, gloss=0.7),
    hair=Hair("tousled", linear(58, 36, 24), linear(176, 122, 82)),
    iris=linear(88, 56, 32),
    brow=linear(60, 40, 28),
    brow_weight=0.8,
    lashes=0.95,
    clothes="striped",
    cloth=linear(238, 186, 70),
    cloth_inner=linear(246, 240, 228),
    wall=(linear(196, 218, 224), linear(116, 148, 166)),
    zoom=1.02,
    lift=-0.06,
)  # fmt: skip

GIRL = Person(
    name="girl",
    seed=21,
    shape=Shape(
        width=0.95, jaw=0.87, chin_width=0.84, chin=-0.06, cheeks=0.016, eye_size=1.26, eye_open=1.08, eye_tilt=0.05,
        iris=0.086, nose_width=0.64, nose_height=0.64, nose_length=0.92, mouth_width=0.86, upper_lip=0.80,
        lower_lip=0.90, mouth_lift=0.02, lower_face=0.89, smile=0.022, brow_height=0.025, neck=0.335, shoulders=0.76,
        eye_depth=-0.02, forehead=-0.02
    ),
    skin=Skin(linear(176, 122, 88), linear(172, 86, 70), linear(168, 84, 78), redness=0.85, gloss=0.8),
    hair=Hair("long waves", linear(30, 22, 19), linear(150, 120, 104)),
    iris=linear(56, 36, 24),
    brow=linear(26, 18, 15),
    brow_weight=0.85,
    lashes=1.1,
    clothes="crew",
    cloth=linear(232, 150, 92),
    wall=(linear(214, 208, 228), linear(140, 132, 164)),
    zoom=1.02,
    lift=-0.04,
)  # fmt: skip

WOMAN_HEADSCARF = Person(
    name="woman_headscarf",
    seed=16,
    shape=Shape(
        width=0.90, jaw=0.88, chin_width=0.88, eye_size=1.15, eye_open=1.08, eye_tilt=0.05, iris=0.076, lower_face=0.97,
        nose_width=0.72, nose_height=0.84, upper_lip=0.74, lower_lip=0.80, mouth_lift=0.035, mouth_width=0.96,
        neck=0.35, shoulders=0.94, cheeks=0.01
    ),
    skin=Skin(linear(230, 182, 150), linear(212, 118, 100), linear(190, 96, 92), age=0.1),
    hair=Hair("none", linear(40, 28, 22), linear(120, 90, 70)),
    iris=linear(92, 66, 36),
    brow=linear(44, 31, 24),
    brow_weight=1.0,
    lashes=1.2,
    clothes="scarf",
    cloth=linear(64, 128, 132),
    cloth_inner=linear(48, 58, 84),
    wall=(linear(222, 210, 196), linear(156, 142, 136)),
)  # fmt: skip

MAN_BEARD = Person(
    name="man_beard",
    seed=17,
    shape=Shape(
        width=0.94, jaw=0.95, eye_size=1.08, eye_open=1.04, iris=0.073, brow_arch=0.65, nose_width=0.98,
        nose_height=0.86, upper_lip=0.72, lower_lip=0.70, mouth_lift=0.035, brow_height=-0.01, neck=0.44,
        shoulders=1.10, chin=0.02
    ),
    skin=Skin(linear(128, 82, 58), linear(124, 60, 46), linear(122, 66, 60), redness=0.7, gloss=1.05, age=0.03),
    hair=Hair("crop", linear(30, 23, 20), linear(128, 112, 102)),
    iris=linear(60, 38, 24),
    brow=linear(20, 14, 12),
    brow_weight=1.15,
    lashes=0.8,
    beard="full",
    clothes="shirt",
    cloth=linear(168, 122, 62),
    cloth_inner=linear(238, 234, 226),
    wall=(linear(200, 202, 206), linear(122, 126, 138)),
)  # fmt: skip

GALLERY = (WOMAN, MAN, OLD_LADY, OLD_MAN, GIRL, CHILD, WOMAN_HEADSCARF, MAN_BEARD)
"""In the order of the gallery."""

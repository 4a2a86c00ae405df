"""What is pasted: nothing where the network copied, its drawing where it drew, and no edge between."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from tests.engines.wav2lip.drawn_mouth import with_dropped_jaw

from mouthpiece.engines.wav2lip.blend import CHIN_DROP_PX, GRAIN, Blender, change, face_mask, kept_detail, mouth_zone
from mouthpiece.engines.wav2lip.crop import SIDE, CropBox, FaceCrop
from mouthpiece.engines.wav2lip.options import CropOptions
from mouthpiece.testing.scenes import laid_over, moved, scaled
from mouthpiece.types import FloatArray, Patch, TrackedFrame, as_float

CAST = np.array([20, -20, 14], dtype=np.float32)
_OUTER_LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]


def crop_of(tracked: TrackedFrame) -> FaceCrop:
    assert tracked.face is not None
    box = CropBox.of(tracked.face, tracked.frame, CropOptions().pads)
    assert box is not None
    return FaceCrop.cut(tracked.frame, box)


def blended(tracked: TrackedFrame, drawn: FloatArray, blender: Blender | None = None) -> tuple[Patch, FloatArray]:
    """The patch of a drawing and the frame with it."""
    patch = (blender or Blender()).patch(as_float(drawn), crop_of(tracked), tracked)
    assert patch is not None
    return patch, laid_over(tracked, patch)


def open_mouth(crop: FaceCrop, drop: float = 8.0) -> FloatArray:
    return as_float(with_dropped_jaw(as_float(crop.rgb / 255), drop) * 255)


def test_a_copy_changes_nothing(people: dict[str, TrackedFrame]) -> None:
    for tracked in people.values():
        _, result = blended(tracked, crop_of(tracked).rgb)
        assert np.abs(result - tracked.frame.rgb).max() <= 0.5


@pytest.mark.parametrize("sign", [1, -1])
def test_a_cast_is_taken_out(people: dict[str, TrackedFrame], sign: int) -> None:
    for name, tracked in people.items():
        crop = crop_of(tracked)
        _, plain = blended(tracked, crop.rgb + sign * CAST)
        assert np.abs(plain - tracked.frame.rgb).max() <= 2, name
        drawn = open_mouth(crop)
        _, clean = blended(tracked, drawn)
        _, mended = blended(tracked, drawn + sign * CAST)
        assert np.abs(mended - clean).max() <= 3, name


def test_a_cast_of_the_lower_half_alone_is_taken_out(woman: TrackedFrame) -> None:
    crop = crop_of(woman)
    lower = np.clip((np.arange(SIDE) - 44) / 8, 0, 1)[:, None, None]
    patch, mended = blended(woman, as_float(crop.rgb + 12 * lower))
    left = np.abs(mended - woman.frame.rgb)[patch.box.slices]
    assert left.max() <= 4
    assert left.mean() <= 1


def test_a_drawn_mouth_does_not_stain_the_face(woman: TrackedFrame) -> None:
    """What is drawn otherwise is no cast: the skin around keeps its colour."""
    crop = crop_of(woman)
    patch, result = blended(woman, open_mouth(crop, 11))
    assert woman.face is not None
    points = crop.located(woman.face.landmarks[:, :2])
    far = cv2.warpAffine(mouth_zone(points), crop.to_crop(), woman.frame.rgb.shape[1::-1], flags=cv2.WARP_INVERSE_MAP)
    above = np.zeros(far.shape, dtype=bool)
    above[: round(float(woman.face.landmarks[0, 1]))] = True
    assert np.abs(result - woman.frame.rgb)[(far < 0.02) & above].max() <= 4
    assert patch.alpha.max() == 1


def test_only_the_lower_face_is_covered(people: dict[str, TrackedFrame]) -> None:
    for name, tracked in people.items():
        assert tracked.face is not None
        points = tracked.face.landmarks[:, :2]
        crop = crop_of(tracked)
        patch, _ = blended(tracked, open_mouth(crop))
        alpha = np.zeros(tracked.frame.rgb.shape[:2], dtype=np.float32)
        alpha[patch.box.slices] = patch.alpha
        at = points.round().astype(int)
        assert alpha[at[_OUTER_LIPS, 1], at[_OUTER_LIPS, 0]].min() > 0.85, name
        nose_tip_and_eyes = at[[1, 33, 133, 263, 362]]
        assert alpha[nose_tip_and_eyes[:, 1], nose_tip_and_eyes[:, 0]].max() <= 0.1, name
        ears = at[[127, 356, 234, 454]]
        assert alpha[ears[:, 1], ears[:, 0].clip(0, tracked.frame.width - 1)].max() <= 0.02, name


def test_the_patch_ends_before_the_crop_does(people: dict[str, TrackedFrame]) -> None:
    random = np.random.default_rng(0)
    for tracked in people.values():
        crop = crop_of(tracked)
        patch, result = blended(tracked, as_float(random.uniform(0, 255, crop.rgb.shape)))
        for edge in (patch.alpha[0], patch.alpha[-1], patch.alpha[:, 0], patch.alpha[:, -1]):
            assert edge.max() <= 0.01
        corners = np.array([[0, 0], [SIDE - 1, SIDE - 1]]) @ crop.to_frame[:, :2].T + crop.to_frame[:, 2]
        outside = np.ones(result.shape[:2], dtype=bool)
        low, high = np.ceil(corners[0]).astype(int), np.floor(corners[1]).astype(int)
        outside[max(low[1], 0) : high[1], max(low[0], 0) : high[0]] = False
        assert (result == tracked.frame.rgb)[outside].all()


def test_a_dropped_chin_is_followed(woman: TrackedFrame) -> None:
    assert woman.face is not None
    points = crop_of(woman).located(woman.face.landmarks[:, :2])
    still = face_mask(points, np.zeros((SIDE, SIDE), dtype=np.float32))
    chin = points[152].round().astype(int)
    everywhere = np.full((SIDE, SIDE), 50, dtype=np.float32)
    followed = face_mask(points, everywhere)
    assert (followed >= still - 1e-6).all()
    below = min(chin[1] + 3, SIDE - 8)
    assert followed[below, chin[0]] > still[below, chin[0]] + 0.05
    # What changed apart from the face (somebody passes behind) isn't followed.
    apart = np.zeros((SIDE, SIDE), dtype=np.float32)
    apart[min(chin[1] + CHIN_DROP_PX - 2, SIDE - 3) :] = 50
    assert np.abs(face_mask(points, apart) - still).max() < 0.05


def test_what_is_drawn_is_shown_without_a_ghost_of_the_old_mouth(people: dict[str, TrackedFrame]) -> None:
    """Amid the mouth there is the drawing and at most grain of the frame."""
    tracked = people["man_head_crop"]
    assert tracked.face is not None
    crop = crop_of(tracked)
    drawn = open_mouth(crop, 10)
    patch, result = blended(tracked, drawn)
    size = tracked.frame.rgb.shape[1::-1]
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(drawn, crop.to_crop(), size, flags=how)
    lips = np.zeros(size[::-1], dtype=np.uint8)
    cv2.fillPoly(lips, [tracked.face.landmarks[_OUTER_LIPS, :2].round().astype(np.int32)], 1)
    off = np.abs(result - np.clip(large, 0, 255))[lips > 0]
    assert off.max() <= GRAIN + 4
    assert patch.alpha[(lips > 0)[patch.box.slices]].min() > 0.9


def test_skin_that_stays_keeps_its_grain(woman: TrackedFrame) -> None:
    """Fine detail beyond the network's pixels: that of the frame, also under a blurred drawing."""
    fine = scaled(woman, 2.5, 2.5)
    random = np.random.default_rng(0)
    grainy = np.clip(fine.frame.rgb + random.normal(0, 4, fine.frame.rgb.shape), 0, 255).astype(np.uint8)
    grainy_frame = replace(fine, frame=replace(fine.frame, rgb=grainy))
    crop = crop_of(grainy_frame)
    drawn = as_float(cv2.GaussianBlur(open_mouth(crop), (0, 0), 0.7))
    patch, result = blended(grainy_frame, drawn)
    inside = np.zeros(grainy.shape[:2], dtype=bool)
    inside[patch.box.slices] = patch.alpha > 0.99

    def grain(picture: FloatArray) -> float:
        return float(np.abs(cv2.Laplacian(picture, cv2.CV_32F))[inside].mean())

    assert grain(result) > 0.6 * grain(as_float(grainy))


def test_detail_goes_at_once_and_comes_back_slowly(woman: TrackedFrame) -> None:
    assert woman.face is not None
    crop = crop_of(woman)
    zone = mouth_zone(crop.located(woman.face.landmarks[:, :2]))
    blender = Blender()
    kept = []
    for drop in (0, 0, 9, 9, 0, 0, 0, 0):
        drawn = open_mouth(crop, drop)
        kept.append(float(blender._smooth_detail(kept_detail(change(drawn, crop.rgb), zone))[zone > 0.9].mean()))
    assert kept[0] == kept[1] == pytest.approx(1, abs=0.01)
    assert kept[2] < 0.05
    assert 0.05 < kept[4] < kept[5] < kept[6] < kept[7] < 0.8


def test_flicker_of_the_drawings_colours_is_not_shown(woman: TrackedFrame) -> None:
    crop = crop_of(woman)
    drawn, blender = open_mouth(crop), Blender()
    shown = [blended(woman, drawn + flicker, blender)[1] for flicker in (0, 9, -7, 12, -3)]
    assert max(float(np.abs(one - shown[0]).max()) for one in shown[1:]) <= 3


def test_strength_is_the_mask_s(woman: TrackedFrame) -> None:
    crop = crop_of(woman)
    drawn = open_mouth(crop)
    whole, half = (Blender().patch(drawn, crop, woman, strength) for strength in (1.0, 0.5))
    assert whole is not None
    assert half is not None
    assert whole.box == half.box
    np.testing.assert_allclose(half.alpha, whole.alpha / 2, atol=1e-6)
    assert (whole.rgb == half.rgb).all()


def test_a_mouth_outside_the_picture_is_not_drawn(woman: TrackedFrame) -> None:
    gone = moved(woman, 0, woman.frame.height)
    crop = crop_of(gone)
    assert Blender().patch(open_mouth(crop), crop, gone) is None


def test_pixels_that_are_not_square(woman: TrackedFrame) -> None:
    wide = scaled(woman, 0.5, 1.0)
    assert wide.frame.pixel_aspect == Fraction(2)
    _, result = blended(wide, crop_of(wide).rgb)
    assert np.abs(result - wide.frame.rgb).max() <= 0.5
    patch, _ = blended(wide, open_mouth(crop_of(wide)))
    square, _ = blended(woman, open_mouth(crop_of(woman)))
    assert patch.box.width == pytest.approx(square.box.width / 2, abs=3)
    assert patch.box.height == pytest.approx(square.box.height, abs=3)


def test_a_copy_that_trembles_leaves_the_frame_still(woman: TrackedFrame) -> None:
    """Networks never copy exactly: what is off by a few levels, otherwise in each frame, is not shown."""
    crop, random, blender = crop_of(woman), np.random.default_rng(0), Blender()
    shown = []
    for _ in range(8):
        off = cv2.GaussianBlur(random.normal(0, 1, crop.rgb.shape).astype(np.float32), (0, 0), 1.5)
        patch, result = blended(woman, as_float(crop.rgb + off * (2.5 / off.std())), blender)
        inside = patch.alpha > 0.99
        shown.append(result[patch.box.slices][inside])
    assert np.std(shown, axis=0).mean() < 0.8

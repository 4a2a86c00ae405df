"""Point numbers of the 478-point face mesh that the mesh engine works with, left to right in the picture."""

from __future__ import annotations

import numpy as np

INNER_UPPER = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308])
"""Lower edge of the upper lip from corner to corner."""
INNER_LOWER = np.array([78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308])
"""Upper edge of the lower lip, point for point beneath `INNER_UPPER`."""
OUTER_UPPER = np.array([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291])
"""Upper edge of the upper lip."""
OUTER_LOWER = np.array([61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291])
"""Lower edge of the lower lip."""
MIDDLE_UPPER = np.array([62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292])
MIDDLE_UPPER_INNER = np.array([76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306])
MIDDLE_LOWER = np.array([62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292])
MIDDLE_LOWER_OUTER = np.array([76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306])
UPPER_LIP = np.unique(np.concatenate([INNER_UPPER, OUTER_UPPER, MIDDLE_UPPER, MIDDLE_UPPER_INNER]))
LOWER_LIP = np.unique(np.concatenate([INNER_LOWER, OUTER_LOWER, MIDDLE_LOWER, MIDDLE_LOWER_OUTER]))
CORNERS = np.array([78, 61, 62, 76, 308, 291, 292, 306])

INNER_TOP, INNER_BOTTOM = 13, 14
CHIN = 152
OUTER_EYES = np.array([33, 263])
NOSE_BASE = np.array([2, 94, 19, 97, 326, 98, 327])
"""Points near the mouth that speech leaves alone: they fix the mouth's place on the head."""

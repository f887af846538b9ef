"""How people are built and how they hold themselves: joints in units of the body's height, feet on v = 0."""

import math

from capxai_core.data.scenes.canvas import DRAWINGS, Point


def between(p: Point, q: Point, share: float) -> Point:
    """The point at this share of the way from p to q."""
    return p[0] * (1 - share) + q[0] * share, p[1] * (1 - share) + q[1] * share


def _walk(start: Point, length: float, degrees: float) -> Point:
    a = math.radians(degrees)
    return start[0] + length * math.sin(a), start[1] - length * math.cos(a)


def _limbs(middle: Point, apart: float, upper: float, lower: float, pose: list[Point]) -> list[list[Point]]:
    """The joints of two arms or legs, the far side's first, each from the trunk."""
    roots = [(middle[0] + side * apart, middle[1]) for side in (-1, 1)]
    bends = [_walk(root, upper, degrees) for root, (degrees, _) in zip(roots, pose, strict=True)]
    ends = [_walk(bend, lower, degrees) for bend, (_, degrees) in zip(bends, pose, strict=True)]
    return [list(joints) for joints in zip(roots, bends, ends, strict=True)]


class Body:
    """The measures of a kind of person and the joints of a pose."""

    def __init__(self, kind: str, pose: str) -> None:
        self.head, self.shoulder, self.waist, self.hip, self.leg, self.torso, self.arm = DRAWINGS["builds"][kind]
        degrees = DRAWINGS["poses"][pose]
        legs = _limbs((0.0, 0.0), self.hip * 0.48, self.leg * 0.52, self.leg * 0.48, degrees["legs"])
        floor = min(foot[1] for _, _, foot in legs)
        self.legs = [[(u, v - floor) for u, v in leg] for leg in legs]
        self.pelvis = (0.0, -floor)
        self.neck = _walk(self.pelvis, -self.torso, -degrees["lean"])
        self.face = _walk(self.neck, -self.head * 1.28, -degrees["lean"])
        shoulders = (self.neck[0], self.neck[1] - 0.022)
        self.arms = _limbs(shoulders, self.shoulder * 0.86, self.arm * 0.5, self.arm * 0.5, degrees["arms"])

    def spine(self, height: float) -> Point:
        """The point of the spine `height` above the hip."""
        return between(self.pelvis, self.neck, height / self.torso)

    def band(self, low: float, high: float, width: float) -> list[Point]:
        """What goes around the hip, `low` and `high` being above it."""
        (lu, lv), (hu, hv) = self.spine(low), self.spine(high)
        w, v = self.hip * width, (self.hip * 0.6 + self.waist * 0.4) * width
        return [(lu - w, lv), (lu + w, lv), (hu + v, hv), (hu - v, hv)]

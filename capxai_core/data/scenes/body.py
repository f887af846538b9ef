"""How people are built and how they hold themselves: joints in units of the body's height, feet on v = 0."""

import math
from dataclasses import dataclass

from capxai_core.data.scenes.canvas import Point


@dataclass(frozen=True)
class Build:
    """Proportions: head radius, half widths of shoulder, waist and hip, lengths of leg, torso and arm."""

    head: float
    shoulder: float
    waist: float
    hip: float
    leg: float
    torso: float
    arm: float


BUILDS = {
    "man": Build(0.094, 0.132, 0.100, 0.088, 0.455, 0.305, 0.35),
    "woman": Build(0.094, 0.098, 0.070, 0.098, 0.465, 0.285, 0.32),
    "boy": Build(0.126, 0.108, 0.094, 0.086, 0.380, 0.290, 0.30),
    "girl": Build(0.128, 0.096, 0.076, 0.090, 0.385, 0.275, 0.29),
}

POSES: dict[str, tuple[float, ...]] = {
    # lean; then upper arm and forearm of the far and the near side, thigh and shin of the far and the near side:
    # degrees from hanging straight down, positive to where the body faces
    "standing": (0, -16, -8, 16, 8, -6, -4, 6, 4),
    "walking": (3, 30, 48, -30, -8, -24, -42, 26, 10),
    "running": (11, 58, 130, -52, 28, -36, -104, 56, -12),
    "jumping": (0, -128, -160, 128, 160, -38, -72, 40, -14),
    "sitting": (-3, 14, 62, 26, 74, 78, 6, 86, 2),
    "seated": (0, -5, 4, 5, -4, 78, 6, 86, 2),
    "riding": (13, 52, 70, 62, 66, 42, -22, 66, 4),
    "holding": (0, -16, -8, 30, 142, -6, -4, 6, 4),
    "flying": (-4, -20, -10, 118, 132, -14, -8, 14, 8),
    "playing": (6, -36, 10, 58, 96, -16, -30, 48, 18),
    "hidden": (0, -5, -2, 5, 2, -6, -4, 6, 4),
}


@dataclass(frozen=True)
class Skeleton:
    """Joints of one posed body; limbs run shoulder-elbow-hand and hip-knee-foot, the far side first."""

    neck: Point
    hip: Point
    head: Point
    arms: tuple[tuple[Point, Point, Point], tuple[Point, Point, Point]]
    legs: tuple[tuple[Point, Point, Point], tuple[Point, Point, Point]]


def _walk(start: Point, length: float, degrees: float) -> Point:
    a = math.radians(degrees)
    return start[0] + length * math.sin(a), start[1] - length * math.cos(a)


def skeleton(kind: str, pose: str) -> Skeleton:
    """The joints of a `kind` of person in a pose."""
    b, (lean, *angles) = BUILDS[kind], POSES[pose]
    legs = []
    for side, (thigh, shin) in ((-1, angles[4:6]), (1, angles[6:8])):
        hip = (side * b.hip * 0.48, 0.0)
        knee = _walk(hip, b.leg * 0.52, thigh)
        legs.append((hip, knee, _walk(knee, b.leg * 0.48, shin)))
    floor = min(leg[2][1] for leg in legs)
    far_leg, near_leg = (tuple((u, v - floor) for u, v in leg) for leg in legs)
    waist = (0.0, -floor)
    neck = _walk(waist, -b.torso, -lean)
    arms = []
    for side, (upper, fore) in ((-1, angles[0:2]), (1, angles[2:4])):
        shoulder = (neck[0] + side * b.shoulder * 0.86, neck[1] - 0.022)
        elbow = _walk(shoulder, b.arm * 0.5, upper)
        arms.append((shoulder, elbow, _walk(elbow, b.arm * 0.5, fore)))
    head = _walk(neck, -b.head * 1.28, -lean)
    return Skeleton(neck, waist, head, (arms[0], arms[1]), (_triple(far_leg), _triple(near_leg)))


def _triple(points: tuple[Point, ...]) -> tuple[Point, Point, Point]:
    return points[0], points[1], points[2]

"""Drawn scenes to look at: several side by side with words beneath, and one with every object outlined and named."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.ndimage import distance_transform_edt

from capxai_core.data.examples import ObjectAnnotation
from capxai_core.data.scenes import Scene
from capxai_core.errors import RequestError
from capxai_core.views.alt import REGIONS
from capxai_core.views.heatmap import STYLE, Plate, picture_alone

# Okabe and Ito's colours without their black: apart for every kind of colour vision.
TINTS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
SIDE, MARGIN = 3.4, 0.95  # inches: the picture whose objects are named, the room for names on either side
FINE = 384  # pixels along a side of the masks that are shown


@dataclass(frozen=True)
class Row:
    """Pictures side by side, as many as the page is wide enough for, each with words beneath."""

    plates: tuple[Plate, ...]
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        figures = (
            f'<figure style="margin: 0"><div style="width: fit-content">{plate._repr_html_()}</div><figcaption style="'
            "margin: 0.2rem 0; padding: 0; color: inherit; font: inherit; font-size: 0.85rem; line-height: 1.35; "
            f'text-align: left; white-space: pre-line">{html.escape(note)}</figcaption></figure>'
            for plate, note in zip(self.plates, self.notes, strict=True)
        )
        columns = "repeat(auto-fit, minmax(max(8rem, (100% - 4rem) / 5), 1fr))"  # five at most
        style = f"display: grid; gap: 0.8rem 1rem; justify-items: start; grid-template-columns: {columns}"
        return f'<div style="{style}">{"".join(figures)}</div>'


def figure_scenes(scenes: Sequence[Scene], notes: Sequence[str] | None = None) -> Row:
    """Scenes side by side; notes: the words beneath each, by default the first of its captions."""
    notes = [" ".join(scene.captions[0]) for scene in scenes] if notes is None else notes
    if len(notes) != len(scenes):
        raise RequestError(f"{len(scenes)} scenes but {len(notes)} notes: give one to each")
    told = ((scene.render(352), f"Drawn scene ({scene.place}): {contents(scene)}.") for scene in scenes)
    return Row(tuple(Plate(picture_alone(image), alt) for image, alt in told), tuple(notes))


def figure_objects(scene: Scene) -> Plate:
    """A scene with the mask and the box of everything that can be seen in it, each named at the side."""
    objects, wide = scene.annotate(FINE), SIDE + 2 * MARGIN
    with rc_context(STYLE):
        figure = Figure(figsize=(wide, SIDE))
        axes = figure.add_axes((MARGIN / wide, 0, SIDE / wide, 1))
        axes.axis("off")
        axes.imshow(scene.render(FINE).permute(1, 2, 0).numpy())
        named = [(*inside(o), o, TINTS[k % len(TINTS)]) for k, o in enumerate(objects)]
        for _, _, o, tint in named:
            x, y, w, h = (FINE * v for v in o.box)
            box = Rectangle((x - 0.5, y - 0.5), w, h, fill=False, edgecolor=tint, linestyle="--", linewidth=0.9)
            axes.add_patch(box)
            mask = np.asarray(o.mask, dtype=float)
            axes.contourf(mask, levels=[0.5, 1.5], colors=[tint], alpha=0.55)
            axes.contour(mask, levels=[0.5], colors=[tint], linewidths=1.5)
        named.sort(key=lambda item: item[0])
        half = (len(named) + 1) // 2
        for names, edge, align in ((named[:half], -0.04, "right"), (named[half:], 1.04, "left")):
            for k, (x, y, o, tint) in enumerate(sorted(names, key=lambda item: item[1])):
                line = {"arrowstyle": "-", "color": tint, "linewidth": 1.2, "shrinkA": 2, "shrinkB": 0}
                at = (FINE * edge, FINE * (k + 0.5) / len(names))
                axes.annotate(o.category, (x, y), at, ha=align, va="center", size=13, arrowprops=line)
                axes.plot(x, y, "o", color=tint, markeredgecolor="white", markersize=5)
    return Plate(figure, f"Every object of a drawn scene ({scene.place}), outlined and named: {contents(scene)}.")


def contents(scene: Scene) -> str:
    """What can be seen and where, `dog at the left, ball in the lower left`, in drawing order."""
    said = []
    for o in scene.objects:
        column, row = (min(2, int(3 * (o.box[k] + o.box[k + 2] / 2))) for k in (0, 1))
        said.append(f"{o.category} {REGIONS[row][column]}")
    return ", ".join(said) or "nobody and nothing"


def inside(o: ObjectAnnotation) -> tuple[float, float]:
    """The pixel (x, y) that lies deepest in an object's mask; beyond the picture there is none of it."""
    y, x = divmod(int(distance_transform_edt(np.pad(np.asarray(o.mask), 1)).argmax()), FINE + 2)
    return x - 1, y - 1

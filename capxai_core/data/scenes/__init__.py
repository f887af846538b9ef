"""The embedded data: drawn everyday scenes with captions, boxes, masks and a documented language bias."""

from capxai_core.data.scenes.canvas import COLOURS
from capxai_core.data.scenes.dataset import SceneExample, export_coco, load_scenes
from capxai_core.data.scenes.grammar import CLOTHING_WORDS, OBJECT_WORDS
from capxai_core.data.scenes.sampling import sample_scene
from capxai_core.data.scenes.scene import Scene
from capxai_core.data.scenes.world import CATEGORIES, CLOTHING, PLACES, POLICIES, PRESENCE, SPLITS

__all__ = ["CATEGORIES", "CLOTHING", "CLOTHING_WORDS", "COLOURS", "OBJECT_WORDS", "PLACES", "POLICIES", "PRESENCE",
           "SPLITS", "Scene", "SceneExample", "export_coco", "load_scenes", "sample_scene"]  # fmt: skip

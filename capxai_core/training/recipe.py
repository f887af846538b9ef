"""The settings of a training."""

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """How a captioner is trained; sizes are the paper's unless a profile says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    d: int = Field(default=512, description="size of embedding and LSTM states")
    k: int = Field(default=196, description="hidden units of the attention")
    min_count: int = Field(default=3, description="rarer words become <unk>")
    epochs: int = Field(default=12, ge=1)
    patience: int = Field(default=3, description="epochs without a better validation CIDEr before stopping")
    images: int = Field(default=32, description="images a batch, each with `captions` of its captions")
    captions: int = Field(default=5, ge=1)
    lr: float = 5e-4
    constant_epochs: int = Field(default=3, description="epochs before the learning rate starts to shrink")
    decay: float = Field(default=0.85, description="factor on the learning rate for every epoch after those")
    weight_decay: float = 1e-4
    dropout: float = Field(default=0.5, description="of what fc reads")
    embedding_dropout: float = 0.3
    smoothing: float = Field(default=0.0, ge=0, lt=1, description="of the targets: this much for all words together")
    average: float = Field(default=0.0, ge=0, lt=1, description="a step's memory of the mean weights judged; 0: none")
    flips: bool = Field(default=False, description="every other time, an image is seen mirrored")
    clip: float = Field(default=2.0, description="norm to which gradients are clipped")
    val_images: int = Field(default=500, description="validation images captioned after every epoch")
    beam_size: int = 3
    seed: int = Field(default=1, ge=0, lt=2**31)

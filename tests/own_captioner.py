"""A captioner that is not ours: torchvision's ResNet-18 and a decoder after Vinyals et al. (2015), made explainable."""

import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from capxai_core import Explainable, Unrolled
from capxai_core.data.images import fit
from capxai_core.data.vocabulary import Vocabulary
from capxai_core.models.ops import PLAIN, Ops


class ShowAndTell(Explainable):
    """The picture is the first word an LSTM reads; then come the words. No attention."""

    name, size = "own/show_and_tell", 96

    def __init__(self, vocabulary: Vocabulary, d: int = 32) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.encoder = nn.Sequential(*list(resnet18(weights=None).children())[:-2])  # up to the last residual block
        self.project = nn.Linear(512, d)
        self.words = nn.Embedding(len(vocabulary), d)
        self.lstm = nn.LSTMCell(d, d)
        self.fc = nn.Linear(d, len(vocabulary))

    @property
    def embedding(self) -> nn.Embedding:
        return self.words

    @property
    def output(self) -> nn.Linear:
        return self.fc

    def normalise(self, image: Tensor) -> Tensor:
        return (fit(image, self.size).to(self.fc.weight) - 0.45).unsqueeze(0) / 0.25

    def unroll(self, a: Tensor, embedded: Tensor, ops: Ops = PLAIN) -> Unrolled:
        picture = ops.linear(ops.mean(a.flatten(2).transpose(1, 2)), self.project.weight, self.project.bias)
        zero = torch.zeros_like(picture)
        state = ops.lstm(self.lstm, picture, (zero, zero))
        fused = []
        for word in embedded.unbind(1):
            state = ops.lstm(self.lstm, word, state)
            fused.append(state[0])
        return Unrolled(torch.stack(fused, 1))

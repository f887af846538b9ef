"""A second device where there is none: tensors that say they live on it, and mix with others no better than a GPU's.

Their values lie in memory, so that results can be compared with the processor's bit for bit.
"""

from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

aten = torch.ops.aten
THERE, HERE = torch.device("meta"), torch.device("cpu")
COPIES = (aten.copy_.default, aten._to_copy.default)
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)  # a GPU, too, takes indices from here


class Elsewhere(torch.Tensor):
    """A tensor that says it is on another device; its values are those of `held`."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.size(), held.stride(), held.storage_offset(), dtype=held.dtype, layout=held.layout, device=THERE
        )

    def __init__(self, held):
        self.held = held

    def tolist(self):
        return self.held.tolist()

    def __repr__(self):
        return f"Elsewhere({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return dispatch(func, args, kwargs or {})


class Both(TorchDispatchMode):
    """While active, tensors can be sent to the other device and made there."""

    @classmethod
    def _should_skip_dynamo(cls):
        return False  # or the compiler, not needed here, would be loaded: seconds

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return dispatch(func, args, kwargs or {})


class Lists(TorchFunctionMode):
    """While active, lists of numbers become tensors there by way of here."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == THERE:
            return func(*args, **{**kwargs, "device": HERE}).to(THERE)
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and isinstance(args[0], Elsewhere):
            indices = args[1] if isinstance(args[1], tuple) else (args[1],)
            indices = tuple(torch.tensor(list(i)).to(THERE) if isinstance(i, list | range) else i for i in indices)
            args = (args[0], indices, *args[2:])
        return func(*args, **kwargs)


def dispatch(func, args, kwargs):
    """Do it with the values held, after a look at where they are said to be."""
    flat, spec = tree_flatten((args, kwargs))
    there = [x for x in flat if isinstance(x, Elsewhere)]
    here = [x for x in flat if isinstance(x, torch.Tensor) and not isinstance(x, Elsewhere) and x.ndim]
    if any(x.is_meta for x in here):
        raise RuntimeError(f"{func}: a tensor without values; this test's device must make it some other way")
    asked = kwargs.get("device")
    if there and here and func not in COPIES and not (func in INDEXED and isinstance(args[0], Elsewhere)):
        raise RuntimeError(f"tensors on two devices: {func} of {[tuple(x.shape) for x in here]} and others elsewhere")
    if asked == THERE and isinstance(kwargs.get("generator"), torch.Generator):
        raise RuntimeError(f"{func}: a generator of the processor for another device")
    held = [x.held if isinstance(x, Elsewhere) else HERE if x == THERE else x for x in flat]
    goes = asked == THERE if asked is not None else bool(there)
    plain_args, plain_kwargs = tree_unflatten(held, spec)
    made = func(*plain_args, **plain_kwargs)
    own = {id(x.held): x for x in there}
    if func is aten._to_copy.default and asked is not None and not goes and there:
        return made
    return tree_map(lambda x: own.get(id(x), Elsewhere(x)) if goes and isinstance(x, torch.Tensor) else x, made)


@contextmanager
def second_device():
    """Yields the device's name."""
    with Both(), Lists():
        yield THERE

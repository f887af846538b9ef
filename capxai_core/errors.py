"""Errors whose message is meant for the person at the keyboard.

Every one names the file or field at fault and the way out; the command line prints the message alone
and leaves with exit code 2.
"""


class CapxaiError(Exception):
    """Something the user gave cannot be used; the message says what and how to mend it."""


class ImageError(CapxaiError):
    """An image file that cannot be decoded safely."""


class DataError(CapxaiError):
    """A data set whose files are missing or malformed."""


class ModelError(CapxaiError):
    """Weights, checkpoints or encoders that are missing, damaged or do not belong together."""


class RequestError(CapxaiError):
    """A profile, method, word position or parameter that does not exist."""

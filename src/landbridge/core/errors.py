"""Errors that a user can cause. Each is one line: what is wrong, where, what to do."""


class LandbridgeError(Exception):
    """Something a user can mend. The command line prints it as one line and exits with status 2."""


class LandbridgeWarning(UserWarning):
    """Something a user should know, but that does not stop the work."""


class MissingDataError(LandbridgeError):
    """A data set, folder or file is not where it was looked for."""


class BadDataError(LandbridgeError):
    """Data are there, but cannot be used as they are."""


class UnknownNameError(LandbridgeError):
    """A name that no registry knows; the message suggests the nearest one."""


class SealedLabelsError(LandbridgeError):
    """Someone reached for labels that training and selection must not see."""


class RunFolderError(LandbridgeError):
    """A run folder holds something else than what was asked for."""


class DivergedError(LandbridgeError):
    """Training produced losses that are not numbers, or that exploded."""

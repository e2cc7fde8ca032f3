"""aiwe's engine: JavaScript handlers of a notebook, served."""

__version__ = "0.1.0"

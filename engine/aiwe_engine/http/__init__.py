"""HTTP: the faces of apps and of management, and the listener that serves them."""

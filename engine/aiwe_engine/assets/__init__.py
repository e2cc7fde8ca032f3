"""The files of an app's pages: what may be one, where each comes from, and how it is kept."""

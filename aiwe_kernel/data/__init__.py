"""`%data`: an app's collections, a grid to page through and a line to ask in."""

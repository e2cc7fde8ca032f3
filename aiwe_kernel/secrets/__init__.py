"""`%secrets`: the secrets of an app, to look at and to set; their values never come here."""

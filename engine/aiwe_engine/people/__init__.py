"""The people who use apps: accounts, passwords, tokens, keys."""

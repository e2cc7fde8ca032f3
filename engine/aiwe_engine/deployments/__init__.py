"""From sources to what is live: releases, drafts of notebooks, sessions."""

"""Secrets: kept encrypted, put in on the way out, redacted wherever they would come back."""

"""Outlook: what a zone's intensity will be over the next hours, with quantiles; and its history."""

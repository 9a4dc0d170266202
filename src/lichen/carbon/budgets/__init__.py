"""Budgets: what may be spent, and the accounts that processes spend it from (B1, B2)."""

"""The double-entry ledger: postings, the hash chain, its databases and readers (L1, L3)."""
